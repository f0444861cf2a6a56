// Adding a recovery key, in three steps: made, written down by the user, stored. M is in memory only until the last one.
import {
  deriveRecoverySecrets,
  generateRecoveryKey,
  recoveryKeyToText,
  recoveryKeyToWords,
  type UnlockSecrets,
  verifyWraps,
} from "@cychat/crypto";
import { endpoints, signedFromJson } from "@cychat/protocol";
import type { RecoveryKeyView } from "../client-api.ts";
import { ClientError, hasCode } from "../client-error.ts";
import type { Environment } from "../environment.ts";
import type { Http } from "../transport/http.ts";
import { forget, type Unlocked } from "./unlock.ts";
import { replaceMethod } from "./unlock-methods.ts";

/** An unlock that is not used is forgotten after this. */
const heldMs = 15 * 60_000;
const attempts = 4;

export class RecoveryKeySetup {
  #unlocked: Unlocked | null = null;
  #prepared: UnlockSecrets | null = null;
  #timer: unknown = null;

  constructor(
    readonly http: Http,
    readonly environment: Environment,
  ) {}

  /** An unlock that was just made (at the registration): no password needs to be asked for it. */
  hold(unlocked: Unlocked): void {
    this.forget();
    this.#unlocked = unlocked;
    this.#timer = this.environment.clock.setTimeout(() => this.forget(), heldMs);
  }

  forget(): void {
    if (this.#timer !== null) this.environment.clock.clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#unlocked !== null) forget(this.#unlocked);
    this.#unlocked = null;
    this.#prepared = null;
  }

  /** `unlock`: asked when no unlock is at hand. */
  async prepare(unlock: () => Promise<Unlocked>): Promise<RecoveryKeyView> {
    if (this.#unlocked === null) this.hold(await unlock());
    const key = generateRecoveryKey();
    this.#prepared = await deriveRecoverySecrets(key);
    const view = { words: (await recoveryKeyToWords(key)).split(" "), base32: await recoveryKeyToText(key) };
    key.fill(0);
    return view;
  }

  /** Resolves to the version of the new statement. */
  async confirm(): Promise<number> {
    const secrets = this.#prepared;
    if (this.#unlocked === null || secrets === null) throw new ClientError("no-recovery-key-prepared");
    for (let attempt = 0; attempt < attempts; attempt++) {
      const change = await replaceMethod(await this.#newest(this.#unlocked), "recovery", secrets);
      try {
        await this.http.call(endpoints.putMethods, { body: change.update });
      } catch (error) {
        if (!hasCode(error, "version-conflict")) throw error;
        continue;
      }
      this.forget();
      return change.version;
    }
    throw new ClientError("version-conflict");
  }

  /** Another device may have changed the methods since the unlock: the next statement follows the newest one. */
  async #newest(unlocked: Unlocked): Promise<Unlocked> {
    const keys = await this.http.call(endpoints.ownKeys);
    const statement = await verifyWraps({
      account: unlocked.account,
      identityKey: unlocked.own.identityKey,
      statement: signedFromJson(keys.wraps),
      seenVersion: unlocked.statement.version,
    });
    return { ...unlocked, keys, statement };
  }
}
