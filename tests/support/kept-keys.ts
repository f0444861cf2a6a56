// Which epoch keys an account keeps, opened with its own secrets.
import { type Bytes, CryptoError, importSafeKey, openKeyring, openVault, type VaultContents } from "@cychat/crypto";
import type { AccountId, ConversationId } from "@cychat/protocol";
import type { Store } from "@cychat/sdk";

export interface StoredKeyring {
  readonly version: number;
  readonly previousHash: Bytes;
  readonly ciphertext: Bytes;
}

/** null where nobody is signed in. */
export async function keptVault(store: Store, account: AccountId): Promise<VaultContents | null> {
  const key = await store.readKey("vault");
  const place = { table: "vault", group: "", key: "only" };
  const kept = (await store.read(place)) as { version: number; ciphertext: Bytes } | undefined;
  return key === undefined || kept === undefined ? null : openVault(key, account, kept.version, kept.ciphertext);
}

/** The epochs whose keys a keyring holds; none where it is sealed under a key that is gone. */
export async function epochsIn(
  { safeKeys }: VaultContents,
  account: AccountId,
  { conversation, version, previousHash, ciphertext }: StoredKeyring & { readonly conversation: ConversationId },
): Promise<number[]> {
  const place = { account, conversation, version, previousHash };
  for (const { key } of safeKeys.toReversed()) {
    const keyring = await openKeyring(await importSafeKey(key), place, ciphertext).catch(ignoreWrongKey);
    if (keyring !== undefined) return [...keyring.keys.keys()];
  }
  return [];
}

/** The epochs whose keys a device keeps of a conversation, ascending. */
export async function keptEpochs(store: Store, account: AccountId, conversation: ConversationId): Promise<number[]> {
  const vault = await keptVault(store, account);
  const keyring = (await store.read({ table: "keyrings", group: "", key: conversation })) as StoredKeyring | undefined;
  if (vault === null || keyring === undefined) return [];
  return (await epochsIn(vault, account, { conversation, ...keyring })).sort((a, b) => a - b);
}

export function ignoreWrongKey(error: unknown): undefined {
  if (!(error instanceof CryptoError && error.code === "wrong-key")) throw error;
}
