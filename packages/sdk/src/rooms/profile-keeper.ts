// A room's name, topic and picture: fetched encrypted, checked against what the records say, kept.
import { type ChainState, CryptoError, decodeRoomProfile, openRoomProfile, type RoomProfile, sha256 } from "@cychat/crypto";
import { type ConversationId, endpoints, equalBytes, fromBase64url } from "@cychat/protocol";
import type { KeyringKeeper } from "../conversations/keyring-keeper.ts";
import type { Core } from "../core.ts";
import { tables } from "../store/tables.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export class ProfileKeeper {
  #bytes: Bytes | null = null;
  #hash: Bytes | null = null;
  /** The newest epoch of which every member can open the server's box. */
  #openTo = 0;

  constructor(
    readonly core: Core,
    readonly conversation: ConversationId,
    readonly keyring: KeyringKeeper,
  ) {}

  async load(): Promise<void> {
    const record = await tables.profiles.read(this.core.store, "", this.conversation);
    if (record === undefined) return;
    this.#bytes = record.bytes;
    this.#hash = await sha256(record.bytes);
  }

  /** As it was opened last; null while it never was. */
  get profile(): RoomProfile | null {
    return this.#bytes === null ? null : decodeRoomProfile(this.#bytes);
  }

  /** The plaintext that the chain names, for sealing it again; null where it is not known here. */
  current(chain: ChainState): Bytes | null {
    return chain.room !== null && this.#hash !== null && equalBytes(this.#hash, chain.room.profile) ? this.#bytes : null;
  }

  /**
   * Reads it where the chain names another one than is known. False while its key has not come, or nobody has sealed it
   * for us yet. Throws profile-mismatch for what is not what the records say.
   */
  async refresh(chain: ChainState): Promise<boolean> {
    if (chain.room === null) return false;
    if (this.current(chain) !== null) return true;
    const { profile } = await this.core.http.call(endpoints.roomProfile, { params: { id: this.conversation } });
    if (profile === null || !chain.epochs.has(profile.epoch)) return false;
    const epochKey = await this.keyring.key(chain, profile.epoch);
    if (epochKey === undefined) return false;
    const box = fromBase64url(profile.ciphertext);
    await this.keep(await this.#open(epochKey, profile.epoch, box, chain.room.profile));
    return true;
  }

  async #open(epochKey: Bytes, epoch: number, box: Bytes, hash: Bytes): Promise<Bytes> {
    try {
      return (await openRoomProfile(epochKey, this.conversation, epoch, box, hash)).bytes;
    } catch (error) {
      // Another room's, an older epoch's, or altered: whatever it is, it is not the one that the records name.
      throw error instanceof CryptoError ? new CryptoError("profile-mismatch") : error;
    }
  }

  /**
   * Whether the newest members cannot open what the server keeps, while we know it: under "joined" history a guest by link
   * opens an epoch without having seen the profile. A record with a new key brings it along.
   */
  async isOutOfReach(chain: ChainState): Promise<boolean> {
    const { conversation, epoch, history, seats } = chain;
    const openedIndex = chain.epochs.get(epoch)?.openedIndex ?? 0;
    if (history === "shared" || openedIndex === 0 || epoch === this.#openTo || this.current(chain) === null) return false;
    if (!seats.some(({ since, until }) => since === openedIndex && until === null)) return false;
    const { profile } = await this.core.http.call(endpoints.roomProfile, { params: { id: conversation } });
    if (profile !== null && profile.epoch < epoch) return true;
    this.#openTo = epoch;
    return false;
  }

  async keep(bytes: Bytes): Promise<void> {
    await this.core.store.write([tables.profiles.put("", this.conversation, { bytes })]);
    this.#bytes = bytes;
    this.#hash = await sha256(bytes);
  }
}
