// Argon2id takes about a second and 64 MiB: it runs in a worker that lives only as long as it is needed.
import type { Argon2Answer, Argon2Question } from "./argon2-worker.ts";
import workerUrl from "./argon2-worker.ts?worker&url";
import { workerAddress } from "./trusted.ts";

interface Parameters {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

export function argon2id(
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  parameters: Parameters,
): Promise<Uint8Array<ArrayBuffer>> {
  const worker = new Worker(workerAddress(workerUrl), { type: "module", name: "argon2" });
  return new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Argon2Answer>) => {
      if ("hash" in data) resolve(data.hash);
      else reject(new Error(data.error));
    };
    worker.onerror = (event) => reject(new Error(event.message || "The password worker could not start."));
    worker.postMessage({ password, salt, ...parameters } satisfies Argon2Question);
  }).finally(() => worker.terminate());
}
