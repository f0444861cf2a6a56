// From tokens to an open account on this device: unlock (or open an account that has no keys yet), certify the device,
// tell the server which one it is, and keep what a restart without a password needs. M is forgotten by the caller.
import type { AccountState, Device } from "@cychat/crypto";
import type { AccountId } from "@cychat/protocol";
import { hasCode, isTransient } from "../client-error.ts";
import type { Environment } from "../environment.ts";
import { VaultKeeper } from "../keys/vault-keeper.ts";
import type { Store } from "../store/store.ts";
import { only, type SessionRecord, tables } from "../store/tables.ts";
import type { Http } from "../transport/http.ts";
import { rollEncryptionKeyWhenDue } from "./encryption-key.ts";
import { openAccount } from "./open-account.ts";
import { bindDevice, certifyDevice } from "./own-log.ts";
import type { UnlockSecret } from "./secrets.ts";
import { forget, type Unlocked, unlock } from "./unlock.ts";

/** Names of the keys that a store keeps. */
export const storedKeys = { device: "device", vault: "vault" } as const;

export interface OpenedHere {
  readonly unlocked: Unlocked;
  readonly device: Device;
  readonly own: AccountState;
  readonly session: SessionRecord;
  /** The account's keys were made just now. */
  readonly isNew: boolean;
}

interface SignInParts {
  readonly http: Http;
  readonly environment: Environment;
  readonly store: Store;
}

/**
 * `hasKeys`: whether the account is said to have keys; a wrong answer costs a request.
 * Throws wrong-key, no-keys (with a secret that cannot open an account), and what a lying server is caught with.
 */
export async function openHere(
  parts: SignInParts,
  session: SessionRecord,
  secret: UnlockSecret,
  hasKeys: boolean,
): Promise<OpenedHere> {
  const { unlocked, device, isNew } = await unlockOrOpen(parts, session.account, secret, hasKeys);
  try {
    return { unlocked, device, isNew, ...(await keepHere(parts, session, unlocked, device)) };
  } catch (error) {
    forget(unlocked);
    throw error;
  }
}

async function keepHere({ http, environment, store }: SignInParts, session: SessionRecord, unlocked: Unlocked, device: Device) {
  const certified = await certifyDevice(http, unlocked, device);
  await bindDevice(http, device);
  const opened: SessionRecord = {
    ...session,
    device: { id: device.id, publicKey: device.publicKey },
    hasRecoveryKey: unlocked.statement.wraps.some((wrap) => wrap.kind === "recovery"),
    wrapsVersion: unlocked.statement.version,
  };
  const { version, ciphertext } = unlocked.vault;
  await store.write([
    tables.session.put("", only, opened),
    tables.vault.put("", only, { version, ciphertext }),
    { kind: "put-key", name: storedKeys.device, key: device.privateKey },
    { kind: "put-key", name: storedKeys.vault, key: unlocked.vaultKey },
  ]);
  return { own: await rollKey({ http, environment, store }, unlocked, certified), session: opened };
}

async function unlockOrOpen(parts: SignInParts, account: AccountId, secret: UnlockSecret, hasKeys: boolean) {
  const { http, environment } = parts;
  const open = async () => ({ ...(await openAccount(http, environment, account, secret)), isNew: true });
  const unlockKeys = async () => ({
    unlocked: await unlock(http, environment, account, secret, { wrapsVersion: 0 }),
    device: await environment.keys.device(),
    isNew: false,
  });
  const canOpen = secret.kind === "password";
  try {
    return await (hasKeys || !canOpen ? unlockKeys() : open());
  } catch (error) {
    // Another of the account's clients was faster; or there are no keys after all.
    if (hasCode(error, "keys-exist")) return unlockKeys();
    if (hasCode(error, "no-keys") && canOpen) return open();
    throw error;
  }
}

/** Due at an unlock only, as it needs the identity key. The keeper writes the new vault into the store. */
async function rollKey({ http, environment, store }: SignInParts, unlocked: Unlocked, own: AccountState): Promise<AccountState> {
  const { account, vaultKey, identity } = unlocked;
  const now = () => environment.clock.now();
  const keeper = new VaultKeeper({ http, store, account, vaultKey, now }, unlocked.vault);
  try {
    return await rollEncryptionKeyWhenDue(http, identity, own, keeper, now());
  } catch (error) {
    // The device is in order; the key is rolled, or published, at the next unlock.
    if (!isTransient(error)) throw error;
    return own;
  }
}
