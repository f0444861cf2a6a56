// What a client in this process does to it: time, CPU, bytes, and the longest it holds up everything else.
import { type Environment, environment, type WebSocketLike } from "@cychat/sdk";

export interface Figures {
  readonly wallMs: number;
  /** Until the work is done; of all threads of the process: WebCrypto and the collector of garbage have their own. */
  readonly cpuMs: number;
  /** Of it, the main thread's: what a page could not do anything else in. */
  readonly mainCpuMs: number;
  /** Of all threads, with what the work leaves to be done in the background; null where nobody waited for that. */
  readonly cpuInAllMs: number | null;
  /**
   * CPU time of the main thread in its longest slice: from one task of the event loop to the next. On a busy machine the
   * clock would count the turns of other processes, too.
   */
  readonly longestSliceMs: number;
  /** Bodies of requests and answers, and texts of frames; without headers. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

let lastCpuUs = 0;
let longestUs = 0;
let bytesUp = 0;
let bytesDown = 0;

/** A new task begins here: what ran since the last one began was one slice. */
function taskBegins(): void {
  const { user, system } = process.threadCpuUsage();
  const nowUs = user + system;
  if (nowUs - lastCpuUs > longestUs) longestUs = nowUs - lastCpuUs;
  lastCpuUs = nowUs;
}

/** Whatever WebCrypto answers comes as a task of its own. */
function watchWebCrypto(): void {
  const prototype = SubtleCrypto.prototype as unknown as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const original = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown;
    if (name === "constructor" || typeof original !== "function") continue;
    prototype[name] = function (this: unknown, ...given: unknown[]) {
      return (original.apply(this, given) as Promise<unknown>).finally(taskBegins);
    };
  }
}

watchWebCrypto();

/** The real one, watched. */
export function meteredEnvironment(overrides: Partial<Environment>): Environment {
  const real = environment(overrides);
  return {
    ...real,
    clock: {
      ...real.clock,
      setTimeout: (callback, ms) =>
        real.clock.setTimeout(() => {
          taskBegins();
          callback();
        }, ms),
    },
    fetch: async (url, init) => {
      if (typeof init.body === "string") bytesUp += Buffer.byteLength(init.body);
      const response = await real.fetch(url, init);
      const body = await response.arrayBuffer();
      taskBegins();
      bytesDown += body.byteLength;
      return new Response(body, { status: response.status, headers: response.headers });
    },
    openSocket: (url) => watched(real.openSocket(url)),
    pause: async () => {
      await real.pause();
      taskBegins();
    },
  };
}

function watched(socket: WebSocketLike): WebSocketLike {
  const mine: WebSocketLike = {
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: (text) => {
      bytesUp += Buffer.byteLength(text);
      socket.send(text);
    },
    close: (code) => socket.close(code),
  };
  socket.onopen = (event) => {
    taskBegins();
    mine.onopen?.(event);
  };
  socket.onmessage = (event) => {
    taskBegins();
    if (typeof event.data === "string") bytesDown += Buffer.byteLength(event.data);
    mine.onmessage?.(event);
  };
  socket.onclose = (event) => mine.onclose?.(event);
  socket.onerror = (event) => mine.onerror?.(event);
  return mine;
}

/** Runs `work`, then waits for what follows from it in the background to come to rest. */
export async function measured<T>(work: () => Promise<T>, restMs: number): Promise<{ result: T; figures: Figures }> {
  // What was done before leaves garbage, which is not this work's.
  Bun.gc(true);
  [bytesUp, bytesDown] = [0, 0];
  taskBegins();
  longestUs = 0;
  const mainBefore = process.threadCpuUsage();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const result = await work();
  const wallMs = performance.now() - startedAt;
  const cpuMs = inMs(process.cpuUsage(before));
  const mainCpuMs = inMs(process.threadCpuUsage()) - inMs(mainBefore);
  if (restMs > 0) await Bun.sleep(restMs);
  taskBegins();
  const cpuInAllMs = restMs > 0 ? inMs(process.cpuUsage(before)) : null;
  return { result, figures: { wallMs, cpuMs, mainCpuMs, cpuInAllMs, longestSliceMs: longestUs / 1000, bytesUp, bytesDown } };
}

const inMs = ({ user, system }: { readonly user: number; readonly system: number }) => (user + system) / 1000;
