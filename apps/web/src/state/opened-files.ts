// Files that were opened, so that looking again costs nothing: a few, and not too large together. Whoever opens one that is
// on its way already gets the same one.
import type { ChatClient, MessageView } from "@cychat/sdk";

interface UnderWay {
  readonly blob: Promise<Blob>;
  readonly abort: AbortController;
  readonly listeners: Set<(bytes: number) => void>;
}

export interface Opening {
  readonly progress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

const mostFiles = 80;
const mostBytes = 96 * 1024 * 1024;

export class OpenedFiles {
  /** The one that was used longest ago stands first. */
  readonly #kept = new Map<string, Blob>();
  readonly #underWay = new Map<string, UnderWay>();
  #bytes = 0;

  async open(client: ChatClient, message: MessageView, index: number, { progress, signal }: Opening): Promise<Blob> {
    const key = `${message.conversation} ${message.id} ${index}`;
    const kept = this.#kept.get(key);
    if (kept) {
      this.#keep(key, kept);
      return kept;
    }
    signal.throwIfAborted();
    const shared = this.#underWay.get(key) ?? this.#start(key, client, message, index);
    shared.listeners.add(progress);
    const stopped = Promise.withResolvers<never>();
    const onabort = () => stopped.reject(signal.reason);
    signal.addEventListener("abort", onabort);
    try {
      return await Promise.race([shared.blob, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", onabort);
      shared.listeners.delete(progress);
      if (shared.listeners.size === 0) shared.abort.abort();
    }
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
    for (const { abort } of this.#underWay.values()) abort.abort();
    this.#underWay.clear();
  }

  #start(key: string, client: ChatClient, message: MessageView, index: number): UnderWay {
    const abort = new AbortController();
    const listeners = new Set<(bytes: number) => void>();
    const progress = (bytes: number) => {
      for (const listener of listeners) listener(bytes);
    };
    const blob = client
      .openFile(message.conversation, message.id, index, { progress, signal: abort.signal })
      .then((opened) => {
        if (this.#underWay.get(key) === underWay) this.#keep(key, opened);
        return opened;
      })
      .finally(() => {
        if (this.#underWay.get(key) === underWay) this.#underWay.delete(key);
      });
    const underWay = { blob, abort, listeners };
    abort.signal.addEventListener("abort", () => {
      if (this.#underWay.get(key) === underWay) this.#underWay.delete(key);
    });
    blob.catch(() => {});
    this.#underWay.set(key, underWay);
    return underWay;
  }

  #keep(key: string, blob: Blob): void {
    this.#bytes += blob.size - (this.#kept.get(key)?.size ?? 0);
    this.#kept.delete(key);
    this.#kept.set(key, blob);
    for (const [oldest, { size }] of this.#kept) {
      if (this.#kept.size <= mostFiles && this.#bytes <= mostBytes) break;
      this.#kept.delete(oldest);
      this.#bytes -= size;
    }
  }
}
