// Where files are encrypted and decrypted: beside the page, which stays quick.
import { serveFileCipher, type WorkerPort } from "@cychat/sdk/file-cipher-worker";

serveFileCipher(globalThis as unknown as WorkerPort);
