import { wasmArgon2id } from "@cychat/sdk/argon2";

export interface Argon2Question {
  readonly password: string;
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

export type Argon2Answer = { readonly hash: Uint8Array<ArrayBuffer> } | { readonly error: string };

const answer = (message: Argon2Answer) => postMessage(message);

addEventListener("message", async ({ data: { password, salt, ...parameters } }: MessageEvent<Argon2Question>) => {
  try {
    answer({ hash: new Uint8Array(await wasmArgon2id(password, salt, parameters)) });
  } catch (error) {
    answer({ error: error instanceof Error ? error.message : "Argon2id failed." });
  }
});
