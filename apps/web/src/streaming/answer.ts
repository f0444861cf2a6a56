// The service worker's side: answers GET /stream/<id> with bytes that a page of ours decrypts.
import { attachment } from "./attachment.ts";
import { firstPiece, parseRange } from "./byte-range.ts";
import { type FromPage, type FromWorker, type Served, type StreamQuestion, streamPath, workingMs } from "./messages.ts";

/** A window of ours, as the worker's `clients` give them. */
export interface Page {
  postMessage(message: StreamQuestion, transfer: Transferable[]): void;
}

/** A page that has been silent for so long while bytes are wanted is gone. */
const silenceMs = 3 * workingMs;
/** A page that knows the file answers within this time. */
const findMs = 3_000;

/** Whatever is in there: it is no page, and nothing of it runs. */
const guarded = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; sandbox",
};

export const streamId = (path: string): string | null => (path.startsWith(streamPath) ? path.slice(streamPath.length) : null);

/** `request.mode` is checked: what is played is no page to go to, and what is saved is nothing but that. */
export async function answerStream(request: Request, id: string, pages: readonly Page[]): Promise<Response> {
  const reading = await find(id, pages);
  if (reading === null) return refused(404);
  const isNavigation = request.mode === "navigate";
  if (isNavigation !== (reading.file.use === "save")) {
    reading.stop();
    return refused(404);
  }
  request.signal.addEventListener("abort", () => reading.stop());
  return answerWith(reading, request.headers.get("range"));
}

async function answerWith(reading: Reading, range: string | null): Promise<Response> {
  const { file } = reading;
  if (file.use === "save")
    return new Response(streamOf(reading), {
      headers: {
        ...guarded,
        "content-type": "application/octet-stream",
        "content-disposition": attachment(file.name),
        "content-length": String(file.size),
      },
    });
  const played = { ...guarded, "content-type": file.type, "accept-ranges": "bytes" };
  const asked = parseRange(range, file.size);
  if (asked === "unsatisfiable") {
    reading.stop();
    return new Response(null, { status: 416, headers: { ...played, "content-range": `bytes */${file.size}` } });
  }
  if (asked === null) return new Response(streamOf(reading), { headers: { ...played, "content-length": String(file.size) } });
  const { from, to } = firstPiece(asked);
  try {
    const bytes = await reading.read(from, to);
    const headers = {
      ...played,
      "content-length": String(bytes.length),
      "content-range": `bytes ${from}-${to - 1}/${file.size}`,
    };
    return new Response(bytes, { status: 206, headers });
  } catch {
    // The page knows why, and says it.
    return Response.error();
  } finally {
    reading.stop();
  }
}

const refused = (status: number) => new Response(null, { status, headers: guarded });

/** The whole, piece by piece as it is taken. Ends well only where every byte came: else the browser has a failed download. */
function streamOf(reading: Reading): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      reading.onfailed = (error) => controller.error(error);
    },
    async pull(controller) {
      const { from, to } = firstPiece({ from: at, to: reading.file.size });
      if (to > from) controller.enqueue(await reading.read(from, to));
      at = to;
      if (at < reading.file.size) return;
      reading.stop();
      controller.close();
    },
    cancel: () => reading.stop(),
  });
}

/** A page that has the file, and the line to it. */
class Reading {
  onfailed: (error: Error) => void = () => {};
  #waiting: PromiseWithResolvers<Uint8Array<ArrayBuffer>> | null = null;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly file: Served,
    readonly port: MessagePort,
  ) {
    port.onmessage = ({ data }: MessageEvent<FromPage>) => this.#receive(data);
  }

  async read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const waiting = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    this.#waiting = waiting;
    this.#say({ kind: "read", from, to });
    this.#waitOn();
    const bytes = await waiting.promise;
    if (bytes.length !== to - from) throw this.#fail();
    return bytes;
  }

  stop(): void {
    clearTimeout(this.#silence);
    this.#say({ kind: "stop" });
    this.#waiting?.reject(new Error("stopped"));
    this.#waiting = null;
    this.port.close();
  }

  #say(message: FromWorker): void {
    this.port.postMessage(message);
  }

  #receive(message: FromPage): void {
    if (message.kind === "working" && this.#waiting) this.#waitOn();
    else if (message.kind === "failed") this.#fail();
    else if (message.kind === "bytes") {
      clearTimeout(this.#silence);
      this.#waiting?.resolve(message.bytes);
      this.#waiting = null;
    }
  }

  #waitOn(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#fail(), silenceMs);
  }

  #fail(): Error {
    const error = new Error("the page gave no bytes");
    this.onfailed(error);
    this.#waiting?.reject(error);
    this.stop();
    return error;
  }
}

/** The page that knows the id; null where none does, or none answers. */
function find(id: string, pages: readonly Page[]): Promise<Reading | null> {
  return new Promise((resolve) => {
    let left = pages.length;
    const ports: MessagePort[] = [];
    const settle = (reading: Reading | null) => {
      clearTimeout(timer);
      for (const port of ports) if (port !== reading?.port) port.close();
      resolve(reading);
    };
    const timer = setTimeout(() => settle(null), findMs);
    if (left === 0) settle(null);
    for (const page of pages) {
      const { port1, port2 } = new MessageChannel();
      ports.push(port1);
      port1.onmessage = ({ data }: MessageEvent<FromPage>) => {
        if (data.kind === "found") settle(new Reading(data.file, port1));
        else if (--left === 0) settle(null);
      };
      page.postMessage({ kind: "stream", id }, [port2]);
    }
  });
}
