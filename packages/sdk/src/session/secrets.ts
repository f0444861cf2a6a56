// From what a person types to what the server sees and what opens the vault. Argon2id runs here, wherever it is injected.
import {
  type Argon2Parameters,
  CryptoError,
  derivePasswordSecrets,
  deriveRecoverySecrets,
  parseRecoveryKey,
  randomBytes,
  type UnlockSecrets,
} from "@cychat/crypto";
import { argon2, endpoints, fromBase64url, toBase64url } from "@cychat/protocol";
import { ClientError } from "../client-error.ts";
import type { Environment } from "../environment.ts";
import type { Http } from "../transport/http.ts";

export interface UnlockSecret extends UnlockSecrets {
  readonly kind: "password" | "recovery";
}

/** The password of an account that exists, with the parameters that the server names (refused if they are weak). */
export async function passwordSecret(
  http: Http,
  environment: Environment,
  email: string,
  password: string,
): Promise<UnlockSecret> {
  const answer = await http.call(endpoints.parameters, { body: { email } });
  const parameters: Argon2Parameters = { memoryKib: answer.memory_kib, passes: answer.passes, lanes: answer.lanes };
  const serverSalt = fromBase64url(answer.salt);
  return {
    kind: "password",
    ...(await derivePasswordSecrets({ email, password, serverSalt, parameters }, environment.argon2id)),
  };
}

/** A new password: with a salt of its own, and the parameters that are compiled in. */
export async function newPasswordSecret(
  environment: Environment,
  email: string,
  password: string,
): Promise<UnlockSecret & { salt: string }> {
  if (password.length < 8) throw new ClientError("malformed-request", "The password needs at least 8 characters.");
  const serverSalt = randomBytes(32);
  const secrets = await derivePasswordSecrets({ email, password, serverSalt, parameters: argon2.floor }, environment.argon2id);
  return { kind: "password", salt: toBase64url(serverSalt), ...secrets };
}

/** Throws wrong-recovery-key, with `details: { reason, position? }` for what is wrong with the text. */
export async function recoverySecret(text: string): Promise<UnlockSecret> {
  let key: Uint8Array;
  try {
    key = await parseRecoveryKey(text);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new ClientError("wrong-recovery-key", error.message, { reason: error.code, position: error.position });
  }
  const secrets = await deriveRecoverySecrets(key);
  key.fill(0);
  return { kind: "recovery", ...secrets };
}
