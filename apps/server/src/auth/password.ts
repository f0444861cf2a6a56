// What the server does with passwords. Our clients send an authentication secret that they split from the password by
// Argon2id and HKDF (e2ee: "Log-in"); a script's raw password is split here in the same way. Either is then hashed again.
import { argon2, createHash, createHmac, hkdf, randomBytes, timingSafeEqual } from "node:crypto";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import {
  type Argon2Parameters,
  authSecretPattern,
  argon2 as bounds,
  encodeCbor,
  fromBase64url,
  labels,
  normalEmail,
  toBase64url,
} from "@cychat/protocol";
import { WorkGate } from "./work-gate.ts";

const saltBytes = 32;
const splitParameters = bounds.floor;
const verifierOptions = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;

/** The verifier of nobody's password: what an unknown address is checked against, at the same cost. */
const nobodysVerifier =
  "$argon2id$v=19$m=19456,t=2,p=1$LfXIw727x8wsdef75Fvz2F/7YrsL5z+S3TKbUL8xy9E$YYPs7h5IzmCsIOmjNU3NoB8mLsVfPNuX9EqWHFZzzco";

/** Both kinds of Argon2 run on the runtime's thread pool; these keep it, and memory, from filling up. */
export interface PasswordGates {
  readonly verifiers: WorkGate;
  /** 64 MiB each. */
  readonly splits: WorkGate;
}

function defaultPasswordGates(): PasswordGates {
  return {
    verifiers: new WorkGate({ maxRunning: Math.max(2, availableParallelism()), maxWaiting: 256 }),
    splits: new WorkGate({ maxRunning: 2, maxWaiting: 32 }),
  };
}

export type SecretKind = "password" | "recovery" | "raw";

export function kindOfSecret(secret: string): SecretKind {
  const match = authSecretPattern.exec(secret);
  return match ? (match[1] as "password" | "recovery") : "raw";
}

export class Passwords {
  readonly #serverSecret: string;
  readonly #gates: PasswordGates;

  constructor(serverSecret: string, gates: PasswordGates = defaultPasswordGates()) {
    this.#serverSecret = serverSecret;
    this.#gates = gates;
  }

  newSalt(): string {
    return toBase64url(randomBytes(saltBytes));
  }

  /** What `/auth/parameters` says of an address without account: always the same, and like any other. */
  saltOfNobody(email: string): string {
    // The JWT's signed texts start with "eyJ", so this use of the same secret can never meet that one.
    return createHmac("sha256", this.#serverSecret)
      .update(`cychat/v1/salt-of-nobody\n${normalEmail(email)}`)
      .digest("base64url");
  }

  parameters(salt: string): Argon2Parameters {
    return { salt, memory_kib: splitParameters.memoryKib, passes: splitParameters.passes, lanes: splitParameters.lanes };
  }

  /** The authentication secret of a raw password, exactly as packages/crypto's `derivePasswordSecrets` makes it. */
  split(email: string, password: string, salt: string): Promise<string> {
    return this.#gates.splits.run(async () => {
      const nonce = createHash("sha256")
        .update(encodeCbor([labels.passwordSalt, normalEmail(email), fromBase64url(salt)]))
        .digest();
      const stretched = await promisify(argon2)("argon2id", {
        message: Buffer.from(password.normalize("NFC"), "utf8"),
        nonce,
        parallelism: splitParameters.lanes,
        memory: splitParameters.memoryKib,
        passes: splitParameters.passes,
        tagLength: 32,
      });
      const secret = await promisify(hkdf)("sha256", stretched, new Uint8Array(0), encodeCbor([labels.passwordAuth]), 32);
      return `cychat-auth-v1.password.${Buffer.from(secret).toString("base64url")}`;
    });
  }

  hash(authSecret: string): Promise<string> {
    return this.#gates.verifiers.run(() => Bun.password.hash(authSecret, verifierOptions));
  }

  /** With `null` for the verifier of an account that does not exist: the same work, and never true. */
  async verify(authSecret: string, verifier: string | null): Promise<boolean> {
    const matches = await this.#gates.verifiers.run(() => Bun.password.verify(authSecret, verifier ?? nobodysVerifier));
    return matches && verifier !== null;
  }
}

/**
 * What is stored of a recovery key's authentication secret. The secret is HKDF output over 256 random bits, which no
 * slow hash makes harder to guess; a fast one lets an account with five recovery keys answer like one with none.
 */
export function recoveryVerifier(authSecret: string): string {
  return createHash("sha256").update(`cychat/v1/recovery-verifier\n${authSecret}`).digest("base64url");
}

export function isOneOf(verifier: string, stored: readonly string[]): boolean {
  const given = Buffer.from(verifier);
  let found = false;
  for (const each of stored) {
    const candidate = Buffer.from(each);
    if (candidate.length === given.length && timingSafeEqual(candidate, given)) found = true;
  }
  return found;
}
