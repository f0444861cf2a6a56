// Whether a secret is an account's. An unknown address costs the same work as a wrong password, and gets the same answer.
import { fromBase64url, ProtocolError, toBase64url } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { Bytes } from "../database/schema.ts";
import { isOneOf, kindOfSecret, type Passwords, recoveryVerifier } from "./password.ts";
import { type Credentials, recoveryVerifiersOf } from "./store.ts";

/** `found` is null for an address without account. */
export async function isSecretOf(
  db: Db,
  passwords: Passwords,
  email: string,
  secret: string,
  found: Credentials | null,
): Promise<boolean> {
  switch (kindOfSecret(secret)) {
    case "recovery":
      return isOneOf(recoveryVerifier(secret), await recoveryVerifiersOf(db, found?.account ?? null));
    case "password":
      return passwords.verify(secret, found?.passwordHash ?? null);
    case "raw": {
      const salt = found ? toBase64url(found.salt) : passwords.saltOfNobody(email);
      const authSecret = await passwords.split(email, secret, salt);
      const matches = await passwords.verify(authSecret, found?.passwordHash ?? null);
      // The password of a vault never reaches the server. Whoever sends it all the same learns nothing from the time this took.
      return matches && found !== null && !found.hasVault;
    }
  }
}

export interface NewSecret {
  readonly authSecret: string;
  readonly salt: Bytes;
}

/** Of a secret and its salt, or a script's raw password. Throws `malformed-request`. */
export async function readNewSecret(
  passwords: Passwords,
  email: string,
  secret: string,
  salt: string | undefined,
): Promise<NewSecret> {
  switch (kindOfSecret(secret)) {
    case "recovery":
      throw new ProtocolError("malformed-request", "a recovery key is no password");
    case "password":
      if (salt === undefined)
        throw new ProtocolError("malformed-request", "an authentication secret needs the salt that it was derived with");
      return { authSecret: secret, salt: decodeSalt(salt) };
    case "raw": {
      if (salt !== undefined) throw new ProtocolError("malformed-request", "a raw password takes no salt");
      const made = passwords.newSalt();
      return { authSecret: await passwords.split(email, secret, made), salt: decodeSalt(made) };
    }
  }
}

function decodeSalt(text: string): Bytes {
  const salt = fromBase64url(text);
  if (salt.length !== 32) throw new ProtocolError("malformed-request", "a salt has 32 bytes");
  return salt;
}
