// The account's encryption key is rolled at an unlock when it is older than 30 days: vault first, then published, so
// that no letter can ever be sealed to a key that another device of ours could lose.
import {
  type AccountState,
  generateSealKeyPair,
  newestEncryptionKey,
  type SigningKey,
  type VaultEncryptionKey,
} from "@cychat/crypto";
import { ClientError } from "../client-error.ts";
import type { VaultKeeper } from "../keys/vault-keeper.ts";
import type { Http } from "../transport/http.ts";
import { appendToOwnLog } from "./own-log.ts";

const encryptionKeyLifeMs = 30 * 24 * 3600 * 1000;

/** Rolls the key when it is due, and publishes one that an earlier roll left in the vault only. */
export async function rollEncryptionKeyWhenDue(
  http: Http,
  identity: SigningKey,
  own: AccountState,
  vault: VaultKeeper,
  nowMs: number,
): Promise<AccountState> {
  // Another device may have rolled it since the vault was read here.
  if ((newestEncryptionKey(vault.contents)?.generation ?? 0) < own.newestGeneration) await vault.refresh();
  const newest = newestEncryptionKey(vault.contents);
  if (newest === undefined) throw new ClientError("rollback", "The vault lacks your encryption key.");
  if (newest.generation < own.newestGeneration) throw new ClientError("rollback", "The vault lacks your newest encryption key.");
  const isPublished = newest.generation === own.newestGeneration;
  const isDue = isPublished && nowMs - newest.createdAtMs >= encryptionKeyLifeMs;
  if (isDue) await addEncryptionKey(vault, newest.generation + 1, nowMs);
  const published = isPublished && !isDue ? own : await publishEncryptionKeys(http, identity, own, vault);
  await supersede(vault, published.newestGeneration, nowMs);
  return published;
}

/** Only now: until the newer key was published, letters were sealed to the older one, however long that took. */
async function supersede(vault: VaultKeeper, published: number, nowMs: number): Promise<void> {
  const isCurrent = (key: VaultEncryptionKey) => key.generation < published && key.supersededAtMs === null;
  if (!vault.contents.encryptionKeys.some(isCurrent)) return;
  await vault.update((contents) => ({
    ...contents,
    encryptionKeys: contents.encryptionKeys.map((key) => (isCurrent(key) ? { ...key, supersededAtMs: nowMs } : key)),
  }));
}

async function addEncryptionKey(vault: VaultKeeper, generation: number, nowMs: number): Promise<void> {
  const pair = await generateSealKeyPair();
  await vault.update((contents) => {
    // Another device rolled it in the meantime: that one serves.
    if (contents.encryptionKeys.some((key) => key.generation >= generation)) return contents;
    const added: VaultEncryptionKey = { ...pair, generation, createdAtMs: nowMs, supersededAtMs: null };
    return { ...contents, encryptionKeys: [...contents.encryptionKeys, added] };
  });
}

async function publishEncryptionKeys(
  http: Http,
  identity: SigningKey,
  own: AccountState,
  vault: VaultKeeper,
): Promise<AccountState> {
  return appendToOwnLog(http, identity, own, (state) => {
    const next = vault.contents.encryptionKeys.find((key) => key.generation === state.newestGeneration + 1);
    return next === undefined ? null : { kind: "encryption", generation: next.generation, publicKey: next.publicKey };
  });
}
