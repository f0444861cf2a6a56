// A password becomes two things that say nothing of each other: what the server sees, and what opens the vault.
//
// Exact steps (the server repeats them for the raw password of a bare script; vectors/password.json has fixed answers):
//   1. salt   = SHA-256(CBOR ["cychat/v1/password-salt", normal e-mail, server salt (32 bytes)])
//   2. secret = Argon2id (RFC 9106), 32 bytes, over the UTF-8 of the password in NFC, with that salt and the
//               account's parameters (memoryKib, passes, lanes); no secret key, no associated data
//   3. auth   = HKDF-SHA-256(secret, empty salt, info = CBOR ["cychat/v1/password-auth"]), 32 bytes
//   4. KEK    = HKDF-SHA-256(secret, empty salt, info = CBOR ["cychat/v1/password-kek"]), 32 bytes: AES-256-GCM key
//   5. the API's `password` field = "cychat-auth-v1.password." + base64url(auth), without padding
import { encodeCbor, type Label, labels, argon2 as limits, normalEmail, toBase64url } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { assertKeyLength, type Bytes, hkdf, hkdfAesKey, keyBytes, sha256 } from "./primitives.ts";

export interface Argon2Parameters {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** 32 bytes of Argon2id; `password` is in NFC already. It takes about 300 ms: where there is a screen, run it in a worker. */
export type Argon2id = (password: string, salt: Bytes, parameters: Argon2Parameters) => Promise<Uint8Array>;

/** What an unlock secret (password, recovery key) turns into. */
export interface UnlockSecrets {
  /** `cychat-auth-v1.<kind>.<43 base64url characters>`: what the API's `password` field carries. */
  readonly authSecret: string;
  /** Non-extractable AES-256-GCM key for the method box; never leaves the client. */
  readonly kek: CryptoKey;
}

export interface PasswordInput {
  readonly email: string;
  readonly password: string;
  /** 32 bytes. */
  readonly serverSalt: Uint8Array;
  readonly parameters: Argon2Parameters;
}

export const wasmArgon2id: Argon2id = async (password, salt, { memoryKib, passes, lanes }) => {
  const { argon2id } = await import("hash-wasm");
  return argon2id({
    password,
    salt,
    memorySize: memoryKib,
    iterations: passes,
    parallelism: lanes,
    hashLength: keyBytes,
    outputType: "binary",
  });
};

/** Throws weak-parameters outside the floor and ceiling compiled in: a server cannot ask for less, nor for a stall. */
export function assertStrongParameters(parameters: Argon2Parameters): void {
  for (const name of ["memoryKib", "passes", "lanes"] as const) {
    const value = parameters[name];
    const within = Number.isSafeInteger(value) && value >= limits.floor[name] && value <= limits.ceiling[name];
    if (!within) throw new CryptoError("weak-parameters");
  }
}

export async function passwordSalt(email: string, serverSalt: Uint8Array): Promise<Bytes> {
  if (serverSalt.length !== 32) throw new CryptoError("weak-parameters", "The server's salt does not have 32 bytes.");
  return sha256(encodeCbor([labels.passwordSalt, normalEmail(email), serverSalt]));
}

/** Throws weak-parameters. */
export async function derivePasswordSecrets(input: PasswordInput, argon2id: Argon2id = wasmArgon2id): Promise<UnlockSecrets> {
  assertStrongParameters(input.parameters);
  const salt = await passwordSalt(input.email, input.serverSalt);
  const secret = await argon2id(input.password.normalize("NFC"), salt, input.parameters);
  return splitSecret("password", secret, labels.passwordAuth, labels.passwordKek);
}

/** Steps 3 to 5; `secret` is wiped. */
export async function splitSecret(
  kind: "password" | "recovery",
  secret: Uint8Array,
  auth: Label,
  kek: Label,
): Promise<UnlockSecrets> {
  assertKeyLength(secret);
  const [authBytes, kekKey] = await Promise.all([hkdf(secret, [auth]), hkdfAesKey(secret, [kek])]);
  secret.fill(0);
  return { authSecret: `cychat-auth-v1.${kind}.${toBase64url(authBytes)}`, kek: kekKey };
}
