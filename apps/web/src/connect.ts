// The client of this page. The SDK is its own chunk, so that the first paint does not wait for it.
import type { ChatClient } from "@cychat/sdk";
import { argon2id } from "./argon2.ts";
import { workersAllowed } from "./trusted.ts";

export async function connect(): Promise<ChatClient> {
  const { connectClient } = await import("@cychat/sdk/browser");
  const { fileCipher } = await import("./file-cipher.ts");
  return connectClient({
    ...(workersAllowed ? { argon2id, environment: { fileCipher } } : {}),
    report: (error) => console.error(error),
  });
}
