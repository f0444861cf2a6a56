// A large file on its way to the browser's downloads, without ever being in memory as a whole. It goes on when its message
// is not on the screen any more, and ends with the page.
import type { MessageView } from "@cychat/sdk";
import { explainFile } from "../files/explain-file.ts";
import { plainName } from "../files/names.ts";
import { chat } from "../state/chat.svelte.ts";
import { withPatience } from "./patience.ts";
import { servedFiles } from "./served-files.ts";
import { keepAwake, workerStreams } from "./worker-streams.ts";

const startMs = 10_000;
const awakeMs = 20_000;

export class Saving {
  /** Bytes that the browser has; null while nothing is under way. */
  done: number | null = $state(null);
  problem: string | null = $state(null);
  /** It waits for the connection, and goes on with it. */
  isWaiting = $state(false);
  #end: (() => void) | null = null;

  constructor(readonly key: string) {}

  /** False where it cannot be done this way. True once it has begun, or was stopped. */
  async start(message: MessageView, index: number): Promise<boolean> {
    const file = message.files[index];
    if (!file || !(await workerStreams())) return false;
    this.stop();
    this.problem = null;
    this.isWaiting = false;
    this.done = 0;
    const { conversation, id } = message;
    const { size } = file;
    const started = Promise.withResolvers<boolean>();
    // One name for the way through the file: what is verified as a whole is this very download.
    const reader = crypto.randomUUID();
    const address = servedFiles.add({
      file: { use: "save", size, name: plainName(file.name) },
      onfound: () => started.resolve(true),
      onstop: () => end(),
      read: async (from, to, signal) => {
        try {
          const bytes = await withPatience(
            () => chat.client.readFile(conversation, id, index, { from, to, reader, signal }),
            signal,
            (isWaiting) => (this.isWaiting = isWaiting),
          );
          if (this.#end === end) this.done = from + bytes.length;
          return bytes;
        } catch (error) {
          if (!signal.aborted && this.#end === end) this.problem = explainFile(error);
          end();
          throw error;
        }
      },
    });
    const frame = document.createElement("iframe");
    const awake = setInterval(keepAwake, awakeMs);
    const timer = setTimeout(() => started.resolve(false), startMs);
    const end = () => {
      clearTimeout(timer);
      clearInterval(awake);
      started.resolve(true);
      address.end();
      frame.remove();
      if (underWay.get(this.key) === this) underWay.delete(this.key);
      if (this.#end !== end) return;
      this.#end = null;
      this.done = null;
    };
    this.#end = end;
    underWay.set(this.key, this);
    frame.hidden = true;
    frame.src = address.url;
    document.body.append(frame);
    const hasStarted = await started.promise;
    clearTimeout(timer);
    if (!hasStarted && this.#end === end) end();
    return hasStarted;
  }

  stop(): void {
    this.#end?.();
  }
}

const underWay = new Map<string, Saving>();

/** What is under way is the same for every card that shows the file. */
export function savingOf({ conversation, id }: MessageView, index: number): Saving {
  const key = `${conversation} ${id} ${index}`;
  return underWay.get(key) ?? new Saving(key);
}

chat.onOtherAccount(() => {
  for (const saving of [...underWay.values()]) saving.stop();
});

addEventListener("beforeunload", (event) => {
  if (underWay.size > 0) event.preventDefault();
});
