// A room as the stored records tell it, worked out here once more from PROTOCOL.md P9 and from nothing else: what the SDK,
// the cryptography and the server's tables make of it is measured against this.
import {
  type AccountId,
  decodeJoinRequest,
  decodeMemberList,
  decodeRecord,
  type EpochRecord,
  encodeRoomState,
  equalBytes,
  type InviteId,
  type Member,
  type MessageId,
  type Right,
  type Role,
  type RoomChange,
  type RoomState,
} from "@cychat/protocol";
import { Violation } from "./truth.ts";

export interface StoredRecord {
  readonly seq: number;
  readonly atMs: number;
  readonly hash: string;
  readonly payload: Uint8Array;
  /** Of the first record only. */
  readonly memberList: Uint8Array | null;
}

export type HowItEnded = "left" | "removed" | "banned" | "deleted";

interface Ending {
  readonly account: AccountId;
  readonly seq: number;
  readonly how: HowItEnded;
}

/** What held from one record to the next. */
interface Moment {
  readonly atMs: number;
  readonly roles: ReadonlyMap<AccountId, Role>;
  readonly post: Right;
}

interface Epoch {
  readonly openedSeq: number;
  readonly history: EpochRecord["history"];
}

const ranks: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 };

export class RoomLedger {
  readonly members = new Map<AccountId, Member>();
  readonly endings: Ending[] = [];
  readonly hashes: string[] = [];
  state: RoomState;
  history: EpochRecord["history"];
  readonly #since = new Map<AccountId, number>();
  readonly #epochs: Epoch[] = [];
  readonly #moments: Moment[] = [];
  readonly #readable = new Map<AccountId | InviteId, Set<number>>();

  private constructor({ payload, memberList, seq }: StoredRecord) {
    const record = decodeRecord(payload);
    const [genesis] = record.changes;
    if (genesis?.kind !== "create-room" || memberList === null) throw new Violation("a room without a first record");
    const { settings, profile } = genesis;
    this.state = { settings, profile, bans: [], invites: [], pins: [], isDeleted: false };
    this.history = record.history;
    this.#epochs.push({ openedSeq: seq, history: record.history });
    for (const member of decodeMemberList(memberList)) this.#seat(member, 0);
  }

  static of(records: readonly StoredRecord[]): RoomLedger {
    const [first, ...rest] = records;
    if (first === undefined) throw new Violation("a room without records");
    const ledger = new RoomLedger(first);
    ledger.#close(first, [...ledger.members.keys()]);
    for (const record of rest) ledger.#take(record);
    return ledger;
  }

  get index(): number {
    return this.hashes.length - 1;
  }

  get epoch(): number {
    return this.#epochs.length;
  }

  /** The epoch that was open at a number. */
  epochAt(seq: number): number {
    return this.#epochs.findLastIndex(({ openedSeq }) => openedSeq <= seq) + 1;
  }

  /** P9.12; of an invite, what whoever holds its link can open. */
  mayRead(reader: AccountId | InviteId): ReadonlySet<number> {
    return this.#readable.get(reader) ?? new Set();
  }

  /** The newest end of a membership; undefined while it lasts, and for those who never were in. */
  endOf(account: AccountId): Ending | undefined {
    return this.members.has(account) && !this.state.isDeleted
      ? undefined
      : this.endings.findLast((ending) => ending.account === account);
  }

  /** Whether somebody could do this all the time from `sinceMs` on. */
  couldAlways(account: AccountId, what: "post" | "moderate", sinceMs: number): boolean {
    if (this.state.isDeleted) return false;
    // What happened in the same millisecond may have come before or after.
    const from = this.#moments.findLastIndex(({ atMs }) => atMs < sinceMs);
    return this.#moments.slice(Math.max(0, from)).every(({ roles, post }) => {
      const role = roles.get(account);
      return role !== undefined && ranks[role] >= ranks[what === "moderate" ? "admin" : post];
    });
  }

  couldEver(account: AccountId, what: "moderate"): boolean {
    return this.#moments.some(({ roles }) => ranks[roles.get(account) ?? "member"] >= ranks.admin && what === "moderate");
  }

  #take(stored: StoredRecord): void {
    const record = decodeRecord(stored.payload);
    if (record.index !== this.hashes.length || this.state.isDeleted) throw new Violation("records that do not follow each other");
    const newcomers: AccountId[] = [];
    for (const change of record.changes) this.#change(change as RoomChange, record, stored.seq, newcomers);
    this.#succeed();
    this.history = record.history;
    const renews = record.epoch > this.epoch;
    if (renews) this.#epochs.push({ openedSeq: stored.seq, history: record.history });
    if (!equalBytes(sha256(encodeRoomState([...this.members.values()], this.state)), record.memberListHash))
      throw new Violation(`record ${record.index} names another state than follows from the records`);
    this.#close(stored, newcomers);
    this.#tellInvites(record, renews);
  }

  #change(change: RoomChange, { author, index }: EpochRecord, seq: number, newcomers: AccountId[]): void {
    const { state } = this;
    switch (change.kind) {
      case "add":
        this.#seat(change.member, index);
        newcomers.push(change.member.account);
        return;
      case "admit": {
        const { account, identityHash } = decodeJoinRequest(change.request.payload);
        this.#seat({ account, identityHash, role: "member", generation: change.generation }, index);
        newcomers.push(account);
        return;
      }
      case "join": {
        const { identityHash, generation } = change;
        this.#seat({ account: author, identityHash, role: "member", generation }, index);
        newcomers.push(author);
        const used = state.invites.map((invite) => (invite.id === change.invite ? { ...invite, uses: invite.uses - 1 } : invite));
        this.state = { ...state, invites: used.filter(({ uses }) => uses > 0) };
        return;
      }
      case "remove":
        this.#unseat(change.account, seq, change.ban ? "banned" : "removed");
        if (change.ban) this.state = { ...state, bans: [...state.bans, change.account].sort() };
        return;
      case "leave":
        this.#unseat(author, seq, "left");
        return;
      case "ban":
        this.state = { ...state, bans: [...state.bans, change.account].sort() };
        return;
      case "unban":
        this.state = { ...state, bans: state.bans.filter((account) => account !== change.account) };
        return;
      case "role":
        this.#update(change.account, { role: change.role });
        return;
      case "renew":
        for (const [account, generation] of change.generations) this.#update(account, { generation });
        return;
      case "settings":
        this.state = { ...state, settings: change.settings };
        return;
      case "profile":
        this.state = { ...state, profile: change.profile };
        return;
      case "invite":
        this.state = { ...state, invites: [...state.invites, change.invite] };
        return;
      case "end-invite":
        this.state = { ...state, invites: state.invites.filter(({ id }) => id !== change.invite) };
        return;
      case "pin":
        this.state = { ...state, pins: [...state.pins, change.pin] };
        return;
      case "unpin":
        this.state = { ...state, pins: state.pins.filter(({ messageId }) => messageId !== change.messageId) };
        return;
      case "delete":
        this.state = { ...state, isDeleted: true };
        for (const account of this.members.keys()) this.endings.push({ account, seq, how: "deleted" });
        return;
      default:
        throw new Violation(`a room has the change ${change.kind}`);
    }
  }

  #seat(member: Member, index: number): void {
    this.members.set(member.account, member);
    this.#since.set(member.account, index);
  }

  #unseat(account: AccountId, seq: number, how: HowItEnded): void {
    if (!this.members.delete(account)) throw new Violation("somebody went who was not there");
    this.endings.push({ account, seq, how });
  }

  #update(account: AccountId, changes: Partial<Member>): void {
    const member = this.members.get(account);
    if (member === undefined) throw new Violation("a change of somebody who is no member");
    this.members.set(account, { ...member, ...changes });
  }

  #succeed(): void {
    const members = [...this.members.values()];
    if (members.length === 0) this.#end();
    if (members.length === 0 || members.some(({ role }) => role === "owner")) return;
    const age = ({ account }: Member) => this.#since.get(account) ?? 0;
    const order = (a: Member, b: Member) => ranks[b.role] - ranks[a.role] || age(a) - age(b) || (a.account < b.account ? -1 : 1);
    const [heir] = members.sort(order);
    if (heir !== undefined) this.#update(heir.account, { role: "owner" });
  }

  /** The last one has left, and with them the room is gone. */
  #end(): void {
    this.state = { ...this.state, isDeleted: true };
    const last = this.endings.pop();
    if (last !== undefined) this.endings.push({ ...last, how: "deleted" });
  }

  /** The record is in force: who is in has the open key, and who came in what was shared before. */
  #close({ hash, atMs }: StoredRecord, newcomers: readonly AccountId[]): void {
    this.hashes.push(hash);
    for (const account of this.members.keys()) this.#mayRead(account, [this.epoch]);
    for (const account of newcomers) this.#mayRead(account, this.#sharedRun());
    const roles = new Map([...this.members].map(([account, { role }]) => [account, role] as const));
    this.#moments.push({ atMs, roles, post: this.state.settings.post });
  }

  /** A link is sealed what its maker may give on, and every key after it, as long as the history is shared. */
  #tellInvites({ changes, history }: EpochRecord, renews: boolean): void {
    if (history === "joined") return;
    const made = changes.flatMap((change) => (change.kind === "invite" ? [change.invite.id] : []));
    for (const id of made) this.#mayRead(id, this.#sharedRun());
    if (renews) for (const { id } of this.state.invites) this.#mayRead(id, [this.epoch]);
  }

  #mayRead(reader: AccountId | InviteId, epochs: readonly number[]): void {
    const readable = this.#readable.get(reader) ?? new Set();
    for (const epoch of epochs) readable.add(epoch);
    this.#readable.set(reader, readable);
  }

  /** The open epoch and, as long as all of them are shared, those before it. */
  #sharedRun(): number[] {
    const run = [this.epoch];
    const isShared = (epoch: number) => this.#epochs[epoch - 1]?.history === "shared";
    while (isShared(run[0] as number) && isShared((run[0] as number) - 1)) run.unshift((run[0] as number) - 1);
    return run;
  }
}

/** What may be shown as pinned. */
export const pinnedIn = ({ state }: RoomLedger): MessageId[] => state.pins.map(({ messageId }) => messageId);

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(new Bun.CryptoHasher("sha256").update(bytes).digest());
}
