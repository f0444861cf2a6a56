// One file of a message on its way to this screen.
import type { MessageView } from "@cychat/sdk";
import { chat } from "../state/chat.svelte.ts";
import { codeOf } from "../state/failure.ts";
import { openedFiles } from "../state/kept-files.ts";
import { explainFile } from "./explain-file.ts";

export class Opening {
  /** Bytes that have come; null while nothing is under way. */
  done: number | null = $state(null);
  problem: string | null = $state(null);
  /** It was the connection: worth another try once that is back. */
  wasOffline = $state(false);
  #abort: AbortController | null = null;

  constructor(
    private readonly message: () => MessageView,
    readonly index: number,
  ) {}

  /** null where it was stopped, or could not be had (`problem`). */
  async open(): Promise<Blob | null> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.done = 0;
    this.problem = null;
    this.wasOffline = false;
    const progress = (bytes: number) => {
      if (this.#abort === abort) this.done = bytes;
    };
    try {
      const blob = await openedFiles.open(chat.client, this.message(), this.index, { progress, signal: abort.signal });
      return abort.signal.aborted ? null : blob;
    } catch (error) {
      if (abort.signal.aborted) return null;
      this.problem = explainFile(error);
      this.wasOffline = codeOf(error) === "offline";
      return null;
    } finally {
      if (this.#abort === abort) this.done = null;
    }
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.done = null;
  }
}
