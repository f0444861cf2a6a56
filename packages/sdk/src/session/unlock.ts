// One unlock: from an unlock secret to M and what hangs on it, everything verified on the way (e2ee: "Keys").
import {
  type AccountState,
  type Bytes,
  deriveRootKey,
  openIdentity,
  openMethod,
  openVault,
  type SigningKey,
  sha256,
  verifyAccountLog,
} from "@cychat/crypto";
import {
  type AccountId,
  type AccountKeys,
  endpoints,
  equalBytes,
  fromBase64url,
  signedFromJson,
  type WrapsStatement,
} from "@cychat/protocol";
import { ClientError, hasCode } from "../client-error.ts";
import type { Environment } from "../environment.ts";
import type { VaultSnapshot } from "../keys/vault-keeper.ts";
import type { Http } from "../transport/http.ts";
import type { UnlockSecret } from "./secrets.ts";

/** What an unlock gives. Call {@link forget} as soon as it is used. */
export interface Unlocked {
  readonly account: AccountId;
  /** M. */
  readonly root: Bytes;
  readonly identity: SigningKey;
  readonly vaultKey: CryptoKey;
  readonly own: AccountState;
  readonly keys: AccountKeys;
  readonly statement: WrapsStatement;
  readonly vault: VaultSnapshot;
}

/** Overwrites M. What was derived from it is not extractable, and goes with the last reference to it. */
export function forget(unlocked: { readonly root: Bytes }): void {
  unlocked.root.fill(0);
}

/** Throws no-keys, wrong-key, and what a lying server is caught with: identity-changed, bad-signature, rollback, fork. */
export async function unlock(
  http: Http,
  environment: Environment,
  account: AccountId,
  secret: UnlockSecret,
  seen: { readonly wrapsVersion: number },
): Promise<Unlocked> {
  const keys = await http.call(endpoints.ownKeys);
  const own = await verifyAccountLog(account, keys.log.map(signedFromJson));
  const { root, statement } = await openBoxes(account, own, keys, secret, seen.wrapsVersion);
  try {
    const identity = await openIdentity(await deriveRootKey(root), account, own.identityKey, fromBase64url(keys.identity_box));
    const vaultKey = await environment.keys.vaultKey(root);
    const { version } = keys.vault;
    const ciphertext = fromBase64url(keys.vault.ciphertext);
    const vault = { version, ciphertext, contents: await openVault(vaultKey, account, version, ciphertext) };
    await checkVault(own, vault);
    return { account, root, identity, vaultKey, own, keys, statement, vault };
  } catch (error) {
    root.fill(0);
    throw error;
  }
}

/** Several boxes of one kind: the secret opens its own one only. */
async function openBoxes(account: AccountId, own: AccountState, keys: AccountKeys, secret: UnlockSecret, seenVersion: number) {
  let failure: unknown = new ClientError("wrong-key", "There is no such way to unlock this account.");
  for (const { method, kind, box } of keys.boxes) {
    if (kind !== secret.kind) continue;
    try {
      const statement = signedFromJson(keys.wraps);
      return await openMethod({
        account,
        method,
        kind,
        kek: secret.kek,
        box: fromBase64url(box),
        statement,
        identityKey: own.identityKey,
        seenVersion,
      });
    } catch (error) {
      if (!hasCode(error, "wrong-key")) throw error;
      failure = error;
    }
  }
  throw failure;
}

/**
 * Other devices' certificates name the vault that they opened, and the vault remembers our own account log: a server
 * that shows an older vault, or an older log, contradicts one of the two.
 */
async function checkVault(own: AccountState, vault: VaultSnapshot): Promise<void> {
  const hash = await sha256(vault.ciphertext);
  for (const device of own.devices.values()) {
    if (device.vaultVersion > vault.version)
      throw new ClientError("rollback", "The server shows an older vault than your devices have seen.");
    if (device.vaultVersion === vault.version && !equalBytes(device.vaultHash, hash)) throw new ClientError("fork");
  }
  const pin = vault.contents.pins.get(own.account);
  if (pin === undefined) return;
  const seen = own.hashes[pin.n];
  if (seen === undefined)
    throw new ClientError("rollback", "The server shows an older list of your devices than one already seen.");
  if (!equalBytes(seen, pin.hash)) throw new ClientError("fork");
}
