import type { Argon2id } from "@cychat/crypto";

/** Argon2 is measured and tested elsewhere; where many log in, it only has to be a function of password and salt. */
export const quickArgon2id: Argon2id = async (password, salt) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array([...new TextEncoder().encode(password), 0, ...salt])));
