// A page's side: what the service worker may have the bytes of, under addresses that nobody can guess and that end with
// the player, or the download, they were made for.
import { type FromPage, type FromWorker, type Served, type StreamQuestion, streamPath, workingMs } from "./messages.ts";

export interface ServedFile {
  readonly file: Served;
  /** Rejects where the bytes cannot be had; whoever serves says why. */
  read(from: number, to: number, signal: AbortSignal): Promise<Uint8Array>;
  /** The worker asked for it. */
  onfound?(): void;
  /** The browser wants no more. */
  onstop?(): void;
}

interface Entry extends ServedFile {
  readonly ended: AbortController;
}

export interface Address {
  readonly url: string;
  /** Forgets it; what is under way fails. */
  end(): void;
}

export class ServedFiles {
  readonly #entries = new Map<string, Entry>();

  add(served: ServedFile): Address {
    const id = crypto.randomUUID();
    const ended = new AbortController();
    this.#entries.set(id, { ...served, ended });
    return {
      url: streamPath + id,
      end: () => {
        this.#entries.delete(id);
        ended.abort();
      },
    };
  }

  /** A question of the worker, with the port to answer through. */
  answer(question: unknown, port: MessagePort | undefined): void {
    if (!port || !isQuestion(question)) return;
    const entry = this.#entries.get(question.id);
    if (entry) serve(entry, port);
    else {
      port.postMessage({ kind: "unknown" } satisfies FromPage);
      port.close();
    }
  }
}

const isQuestion = (data: unknown): data is StreamQuestion =>
  typeof data === "object" && data !== null && (data as StreamQuestion).kind === "stream";

function serve(entry: Entry, port: MessagePort): void {
  const stopped = new AbortController();
  const say = (message: FromPage, transfer: Transferable[] = []) => port.postMessage(message, transfer);
  const onended = () => {
    say({ kind: "failed" });
    end();
  };
  function end(): void {
    entry.ended.signal.removeEventListener("abort", onended);
    stopped.abort();
    port.close();
  }
  async function read(from: number, to: number): Promise<void> {
    const working = setInterval(() => say({ kind: "working" }), workingMs);
    try {
      const read = await entry.read(from, to, stopped.signal);
      if (stopped.signal.aborted) return;
      // The worker gets a copy that is its own.
      const bytes = read.slice();
      say({ kind: "bytes", bytes }, [bytes.buffer]);
    } catch {
      if (!stopped.signal.aborted) onended();
    } finally {
      clearInterval(working);
    }
  }
  entry.ended.signal.addEventListener("abort", onended);
  port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.kind === "read") void read(data.from, data.to);
    else {
      end();
      entry.onstop?.();
    }
  };
  say({ kind: "found", file: entry.file });
  entry.onfound?.();
}

export const servedFiles = new ServedFiles();

if (typeof navigator !== "undefined" && "serviceWorker" in navigator)
  navigator.serviceWorker.addEventListener("message", ({ data, ports }) => servedFiles.answer(data, ports[0]));
