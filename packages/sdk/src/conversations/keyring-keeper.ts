// The safe of one conversation: epoch keys this account holds, moved there from the letters that bring them.
import {
  type Bytes,
  type ChainState,
  CryptoError,
  currentSafeKey,
  emptyKeyring,
  epochReference,
  eraseEpochs,
  importSafeKey,
  type Keyring,
  type KeyringPlace,
  mergeKeyrings,
  openHistory,
  openKeyring,
  openSeal,
  type RecordPin,
  recordHashAt,
  recordPinOf,
  type SealKeyPair,
  sealKeyring,
  sha256,
  type VaultEncryptionKey,
  verifyEpochKey,
  withEpochKeys,
  zeroHash,
} from "@cychat/crypto";
import {
  type ConversationId,
  endpoints,
  equalBytes,
  fromBase64url,
  type StoredLetter,
  type StoredSeal,
  toBase64url,
} from "@cychat/protocol";
import { ClientError, hasCode } from "../client-error.ts";
import type { Core } from "../core.ts";
import { type KeyringRecord, tables } from "../store/tables.ts";

const attempts = 8;

export class KeyringKeeper {
  #keyring: Keyring = emptyKeyring;
  #version = 0;
  /** SHA-256 of the present version's ciphertext: the next one's `previousHash`. */
  #hash: Bytes = zeroHash();
  /**
   * Epochs looked for in vain since the last sign that something may have come, each with the newest record known then: a
   * letter that came with a later one was passed over.
   */
  readonly #missed = new Map<number, number>();

  constructor(
    readonly core: Core,
    readonly conversation: ConversationId,
    /** No letter brought the key of this epoch, and no other device has it. */
    readonly onMissing: (chain: ChainState, epoch: number) => void = () => {},
    /** Holds other keys than before. */
    readonly onKept: () => void = () => {},
    /** Whether the conversation may have been deleted, keyrings and all; reads the records again. */
    readonly isGone: () => Promise<boolean> = async () => false,
  ) {}

  async load(): Promise<void> {
    const record = await tables.keyrings.read(this.core.store, "", this.conversation);
    if (record === undefined) return;
    this.#keyring = await this.#open(record);
    this.#version = record.version;
    this.#hash = await sha256(record.ciphertext);
  }

  get pin(): RecordPin | null {
    return this.#keyring.pin;
  }

  known(epoch: number): Bytes | undefined {
    return this.#keyring.keys.get(epoch);
  }

  /** All that there are. */
  get keys(): ReadonlyMap<number, Bytes> {
    return this.#keyring.keys;
  }

  /** Something may have come: letters, or a keyring that another device wrote. */
  hint(): void {
    this.#missed.clear();
  }

  /** The key of an epoch: from the safe, from a letter, or from what another device of ours put into the safe. */
  async key(chain: ChainState, epoch: number): Promise<Bytes | undefined> {
    const known = await this.#checked(chain, epoch);
    if (known !== undefined || this.#missed.get(epoch) === chain.index) return known;
    await this.collect(chain);
    const found = await this.#checked(chain, epoch);
    if (found === undefined) {
      this.#missed.set(epoch, chain.index);
      if (!this.#keyring.erased.has(epoch)) this.onMissing(chain, epoch);
    }
    return found;
  }

  /** Moves every letter that waits into the safe; reads the safe again when a letter is not there (any more). */
  async collect(chain: ChainState): Promise<void> {
    const { seals, letters } = await this.core.http.call(endpoints.seals, { params: { id: this.conversation } });
    const opened = new Map<number, Bytes>();
    for (const seal of seals) {
      const key = await this.#openSeal(chain, seal);
      if (key !== undefined) opened.set(seal.epoch, key);
    }
    const read: number[] = [];
    for (const letter of letters) {
      const keys = await this.#openLetter(chain, letter);
      if (keys === undefined) continue;
      read.push(letter.record_index);
      for (const [epoch, key] of keys) opened.set(epoch, key);
    }
    if (opened.size > 0) await this.#add(opened, recordPinOf(chain), read);
    if (!this.#keyring.keys.has(chain.epoch)) await this.refresh();
  }

  /** The key of an epoch that we have opened ourselves. */
  async add(state: ChainState, key: Bytes): Promise<void> {
    await this.addAll(state, new Map([[state.epoch, key]]));
  }

  /** Keys that were checked against their records. `letters`: by record index, those that hold nothing but these. */
  async addAll(state: ChainState, keys: ReadonlyMap<number, Bytes>, letters: readonly number[] = []): Promise<void> {
    await this.#add(keys, recordPinOf(state), letters);
  }

  /** Destroys keys for good: of epochs of which no message is left. */
  async erase(epochs: readonly number[]): Promise<void> {
    const held = epochs.filter((epoch) => this.#keyring.keys.has(epoch));
    if (held.length > 0) await this.#put((keyring) => eraseEpochs(keyring, held), held, []);
  }

  /** Reads what another device wrote. Throws rollback, fork. */
  async refresh(): Promise<void> {
    const { keyring } = await this.core.http.call(endpoints.keyring, { params: { id: this.conversation } });
    if (keyring === null) {
      if (this.#version > 0 && !(await this.isGone()))
        throw new ClientError("rollback", "The server lost the keys of this conversation that it had before.");
      return;
    }
    if (keyring.version < this.#version) throw new ClientError("rollback");
    const ciphertext = fromBase64url(keyring.ciphertext);
    const hash = await sha256(ciphertext);
    if (keyring.version === this.#version) {
      if (!equalBytes(hash, this.#hash)) throw new ClientError("fork");
      return;
    }
    const record = { version: keyring.version, previousHash: fromBase64url(keyring.prev_hash), ciphertext };
    await this.#keep(record, mergeKeyrings(this.#keyring, await this.#open(record)), hash);
    this.#missed.clear();
  }

  async #add(keys: ReadonlyMap<number, Bytes>, pin: RecordPin, letters: readonly number[]): Promise<void> {
    await this.#put((keyring) => withEpochKeys(keyring, keys, pin), [...keys.keys()], letters);
  }

  /** Stores the keyring with a change, made again on what another device wrote where that was faster. */
  async #put(change: (keyring: Keyring) => Keyring, epochs: readonly number[], letters: readonly number[]): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const next = change(this.#keyring);
      const place: KeyringPlace = {
        account: this.core.me.account,
        conversation: this.conversation,
        version: this.#version + 1,
        previousHash: this.#hash,
      };
      const { ciphertext, hash } = await sealKeyring(await this.#safeKey(), place, next);
      try {
        await this.core.http.call(endpoints.putKeyring, {
          params: { id: this.conversation },
          body: {
            version: place.version,
            ciphertext: toBase64url(ciphertext),
            prev_hash: toBase64url(place.previousHash),
            epochs: [...epochs],
            letters: [...letters],
          },
        });
      } catch (error) {
        if (!hasCode(error, "version-conflict")) throw error;
        const before = this.#version;
        await this.refresh();
        // Deleted, keyrings and all.
        if (this.#version === before) throw new ClientError("not-found");
        continue;
      }
      await this.#keep({ version: place.version, previousHash: place.previousHash, ciphertext }, next, hash);
      return;
    }
    throw new ClientError("version-conflict");
  }

  async #keep(record: KeyringRecord, keyring: Keyring, hash: Bytes): Promise<void> {
    await this.core.store.write([tables.keyrings.put("", this.conversation, record)]);
    this.#keyring = keyring;
    this.#version = record.version;
    this.#hash = hash;
    this.onKept();
  }

  /** A key from the safe is compared with its record before it is used, whoever put it there. */
  async #checked(chain: ChainState, epoch: number): Promise<Bytes | undefined> {
    const key = this.#keyring.keys.get(epoch);
    if (key !== undefined) await verifyEpochKey(epochReference(chain, epoch), key);
    return key;
  }

  /** A letter that does not open is left where it is: another member can be asked to write it again. */
  async #openSeal(chain: ChainState, letter: StoredSeal): Promise<Bytes | undefined> {
    if (!chain.epochs.has(letter.epoch)) return undefined;
    const seal = { recipient: this.core.me.account, ...sealedOf(letter) };
    return this.#withKeyPairs(letter.generation, (keyPair) => openSeal(epochReference(chain, letter.epoch), seal, keyPair));
  }

  async #openLetter(chain: ChainState, letter: StoredLetter): Promise<ReadonlyMap<number, Bytes> | undefined> {
    const recordHash = recordHashAt(chain, letter.record_index);
    if (recordHash === undefined) return undefined;
    const { conversation } = this;
    const reference = { conversation, recordHash, recipient: this.core.me.account, generation: letter.generation };
    return this.#withKeyPairs(letter.generation, (keyPair) => openHistory(chain, reference, sealedOf(letter), keyPair));
  }

  async #withKeyPairs<T>(generation: number, open: (keyPair: SealKeyPair) => Promise<T>): Promise<T | undefined> {
    for (const keyPair of await this.#encryptionKeys(generation)) {
      try {
        return await open(keyPair);
      } catch (error) {
        if (!(error instanceof CryptoError)) throw error;
      }
    }
    return undefined;
  }

  async #encryptionKeys(generation: number): Promise<readonly VaultEncryptionKey[]> {
    const ofGeneration = () => this.core.vault.contents.encryptionKeys.filter((key) => key.generation === generation);
    // Another device rolled the key: it is in the vault, which it wrote before it published the key.
    if (ofGeneration().length === 0) await this.core.vault.refresh();
    return ofGeneration();
  }

  async #safeKey(): Promise<CryptoKey> {
    const safeKey = currentSafeKey(this.core.vault.contents);
    if (safeKey === undefined) throw new ClientError("rollback", "The vault lacks its key for conversations.");
    return importSafeKey(safeKey.key);
  }

  /** Sealed under the newest safe key or, until it is sealed anew, under an older one. */
  async #open(record: KeyringRecord): Promise<Keyring> {
    const { version, previousHash } = record;
    const place = { account: this.core.me.account, conversation: this.conversation, version, previousHash };
    const openWithAny = async () => {
      for (const safeKey of this.core.vault.contents.safeKeys.toReversed()) {
        try {
          return await openKeyring(await importSafeKey(safeKey.key), place, record.ciphertext);
        } catch (error) {
          if (!hasCode(error, "wrong-key")) throw error;
        }
      }
      return undefined;
    };
    let keyring = await openWithAny();
    if (keyring === undefined) {
      await this.core.vault.refresh();
      keyring = await openWithAny();
    }
    if (keyring === undefined) throw new CryptoError("wrong-key");
    return keyring;
  }
}

function sealedOf({ generation, encapsulated, ciphertext }: Pick<StoredSeal, "generation" | "encapsulated" | "ciphertext">) {
  return { generation, encapsulated: fromBase64url(encapsulated), ciphertext: fromBase64url(ciphertext) };
}
