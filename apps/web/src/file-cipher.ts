import { type FileCipher, fileCipherIn } from "@cychat/sdk/file-cipher-worker";
import workerUrl from "./file-worker.ts?worker&url";
import { workerAddress } from "./trusted.ts";

/** Files are encrypted and decrypted in a worker that is there while there is something to do. */
export const fileCipher: FileCipher = fileCipherIn(() => new Worker(workerAddress(workerUrl), { type: "module", name: "files" }));
