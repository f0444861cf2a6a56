// History letters: the keys of earlier epochs, sealed at once to whoever may read back (PROTOCOL.md P9.10, P9.13).
import {
  type AccountId,
  ArrayReader,
  type ConversationId,
  decodeCbor,
  encodeCbor,
  type InviteId,
  labels,
  limits,
} from "@cychat/protocol";
import { verifyEpochKey } from "./epoch-key.ts";
import { CryptoError, decoded } from "./errors.ts";
import { openSealed, type Sealed, type SealKeyPair, sealTo } from "./hpke.ts";
import { type Bytes, keyBytes } from "./primitives.ts";
import { type ChainState, epochReference } from "./record-chain.ts";

/** Authenticated with the letter: for whom, and beside which record it was written. */
export interface LetterReference {
  readonly conversation: ConversationId;
  readonly recordHash: Bytes;
  readonly recipient: AccountId | InviteId;
  /** Of the account's encryption key; 1 for an invite. */
  readonly generation: number;
}

export interface SealedLetter extends Sealed {
  readonly recipient: AccountId | InviteId;
  readonly generation: number;
}

/** `keys`: epoch → key. Throws malformed-key, too-large above `limits.historyLetterBytes`. */
export async function sealHistory(
  reference: LetterReference,
  publicKey: Uint8Array,
  keys: ReadonlyMap<number, Bytes>,
): Promise<SealedLetter> {
  const entries = [...keys].toSorted(([a], [b]) => a - b);
  const { recipient, generation } = reference;
  const sealed = await sealTo(publicKey, letterInfo(reference), encodeCbor(entries));
  if (sealed.ciphertext.length > limits.historyLetterBytes) throw new CryptoError("too-large");
  return { recipient, generation, ...sealed };
}

/** Compares every key with its record. Throws wrong-key, malformed-structure, unknown-epoch, commitment-mismatch. */
export async function openHistory(
  chain: ChainState,
  reference: LetterReference,
  sealed: Sealed,
  keyPair: SealKeyPair,
): Promise<Map<number, Bytes>> {
  const plaintext = await openSealed(keyPair, letterInfo(reference), sealed);
  const entries = decoded(() => {
    const reader = new ArrayReader([decodeCbor(plaintext)], "a history letter");
    return reader.list("an epoch key", (item) => [item.count(), item.bytes(keyBytes)] as const);
  });
  if (entries.some(([epoch], at) => at > 0 && epoch <= (entries[at - 1]?.[0] ?? 0)))
    throw new CryptoError("malformed-structure", "A history letter is not sorted, or names an epoch twice.");
  const keys = new Map<number, Bytes>();
  for (const [epoch, key] of entries) {
    await verifyEpochKey(epochReference(chain, epoch), key);
    keys.set(epoch, key);
  }
  return keys;
}

function letterInfo({ conversation, recordHash, recipient, generation }: LetterReference): Bytes {
  return encodeCbor([labels.history, conversation, recordHash, recipient, generation]);
}
