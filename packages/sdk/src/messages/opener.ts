// One entry of a conversation, opened and verified; or named for what is wrong with it.
import { type Content, CryptoError, type OpenedMessage, openMessage, readableEpochs, sha256 } from "@cychat/crypto";
import { decodeEnvelope, fromBase64url, type MessageEntry, type Role } from "@cychat/protocol";
import type { Problem } from "../client-api.ts";
import { ClientError, hasCode } from "../client-error.ts";
import type { KeyringKeeper } from "../conversations/keyring-keeper.ts";
import type { RecordChainKeeper } from "../conversations/record-chain-keeper.ts";
import type { Core } from "../core.ts";
import { problem, problemOf } from "../problems.ts";
import type { Link } from "./device-chains.ts";

export interface OpenedEntry {
  readonly envelopeHash: Uint8Array<ArrayBuffer>;
  /** null when it cannot be read. */
  readonly opened: {
    readonly content: Content;
    readonly sentAtMs: number;
    readonly link: Link;
    /** The sender's, when it was sent. */
    readonly role: Role;
  } | null;
  /** It is of a time that this account was not in, and may not read: no fault of anybody. */
  readonly isForOthers: boolean;
  readonly problem: Problem | null;
  /** Whether keys or records that may still come could change that. */
  readonly mayHeal: boolean;
  /** The server was caught showing other records or keys than before: that concerns the whole conversation. */
  readonly isContradicted: boolean;
}

/** Codes that newer keys, records or account logs can turn into a readable message. */
const healable = [
  "undecryptable",
  "unknown-epoch",
  "unknown-record",
  "unknown-device",
  "identity-changed",
  "account-behind",
  "no-keys",
];

/** Records, keys or accounts are not as they must be right now: that says nothing against the message itself. */
class Unready extends Error {}

async function needed<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new Unready("What a message needs cannot be had.", { cause });
  }
}

export class Opener {
  constructor(
    readonly core: Core,
    readonly chain: RecordChainKeeper,
    readonly keyring: KeyringKeeper,
  ) {}

  /** Rejects only when something is out of reach (the network, a closed store): then the entry is to be opened later. */
  async open(entry: MessageEntry): Promise<OpenedEntry> {
    const bytes = fromBase64url(entry.envelope);
    const envelopeHash = await sha256(bytes);
    try {
      const message = await this.#read(entry, bytes);
      const { device, sender: account, seq } = entry;
      const { counter, prev, content, sentAtMs, role } = message;
      const link = { device, account, seq, counter, prev, envelopeHash };
      return {
        envelopeHash,
        opened: { content, sentAtMs, link, role },
        isForOthers: false,
        problem: this.#warning(message),
        mayHeal: false,
        isContradicted: false,
      };
    } catch (error) {
      const reason = error instanceof Unready ? error.cause : error;
      if (!(reason instanceof CryptoError) && !hasCode(reason, "undecryptable", "not-a-message", "no-keys", "rollback", "fork"))
        throw reason;
      const isUnready = error instanceof Unready;
      const mayHeal = isUnready || hasCode(reason, ...healable);
      const isContradicted = isUnready && hasCode(reason, "fork", "rollback");
      const isForOthers = hasCode(reason, "undecryptable") && this.#isForOthers(bytes);
      return { envelopeHash, opened: null, isForOthers, problem: problemOf(reason), mayHeal, isContradicted };
    }
  }

  async #read(entry: MessageEntry, bytes: Uint8Array<ArrayBuffer>): Promise<OpenedMessage> {
    const epoch = epochOf(entry, bytes);
    if (this.chain.state?.epochs.has(epoch) !== true) await needed(this.chain.catchUp());
    try {
      return await this.#attempt(entry, bytes, epoch);
    } catch (error) {
      // The message knows of a record or a device that we do not: read those again, once.
      if (hasCode(error, "unknown-record")) await needed(this.chain.catchUp());
      else if (hasCode(error, "unknown-device")) await needed(this.core.accounts.refresh(entry.sender));
      // In a room the records say whose keys these must be.
      else if (hasCode(error, "identity-changed")) await needed(this.core.accounts.reread(entry.sender));
      // Altered, or of another epoch of this number than the one we know.
      else if (hasCode(error, "wrong-key")) await needed(this.chain.compare(epoch));
      else throw error;
    }
    return this.#attempt(entry, bytes, epoch);
  }

  async #attempt(entry: MessageEntry, bytes: Uint8Array<ArrayBuffer>, epoch: number): Promise<OpenedMessage> {
    const chain = this.chain.state;
    if (chain === null || !chain.epochs.has(epoch)) throw new CryptoError("unknown-epoch");
    const epochKey = await needed(this.keyring.key(chain, epoch));
    if (epochKey === undefined) throw new ClientError("undecryptable");
    const author = await needed(this.core.accounts.get(entry.sender));
    return openMessage(bytes, { chain, epochKey, author, seq: entry.seq, epochClosedAtSeq: this.chain.closedAtSeq(epoch) });
  }

  #isForOthers(bytes: Uint8Array<ArrayBuffer>): boolean {
    const chain = this.chain.state;
    if (chain === null || chain.kind === "direct") return false;
    return !readableEpochs(chain, this.core.me.account).has(decodeEnvelope(bytes).header.epoch);
  }

  #warning(message: OpenedMessage): Problem | null {
    const isOpenEpoch = message.header.epoch === this.chain.state?.epoch;
    return message.deviceState === "revoked" && isOpenEpoch ? problem("device-revoked") : null;
  }
}

/** What the server says of an entry must be what the (authenticated) header says. Throws not-a-message. */
function epochOf(entry: MessageEntry, bytes: Uint8Array<ArrayBuffer>): number {
  let header: ReturnType<typeof decodeEnvelope>["header"];
  try {
    header = decodeEnvelope(bytes).header;
  } catch {
    throw new ClientError("not-a-message");
  }
  if (header.messageId !== entry.id || header.account !== entry.sender || header.device !== entry.device)
    throw new ClientError("not-a-message");
  return header.epoch;
}
