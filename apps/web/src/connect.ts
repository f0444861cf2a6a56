// The client of this page. The SDK is its own chunk, so that the first paint does not wait for it.
import type { ChatClient } from "@cychat/sdk";
import type { FileCipher } from "@cychat/sdk/file-cipher-worker";
import { argon2id } from "./argon2.ts";
import { workersAllowed } from "./trusted.ts";

export async function connect(): Promise<ChatClient> {
  const { connectClient } = await import("@cychat/sdk/browser");
  return connectClient({
    ...(workersAllowed ? { argon2id, environment: { fileCipher } } : {}),
    report: (error) => console.error(error),
  });
}

/** Loaded with the first file. */
const fileCipher: FileCipher = {
  async *seal(...given) {
    return yield* (await import("./file-cipher.ts")).fileCipher.seal(...given);
  },
  async *open(...given) {
    return yield* (await import("./file-cipher.ts")).fileCipher.open(...given);
  },
};
