// Seeded comings and goings: whatever happens in whatever order, all see the same chain, and who may read an epoch has its key.
import { expect, test } from "bun:test";
import { newMessageId, type Role, type RoomChange } from "@cychat/protocol";
import { adding, openRoom, Room } from "../testing/room.ts";
import { Person } from "../testing/world.ts";
import { readableEpochs, rotationDue } from "./epoch-access.ts";
import { openSeal } from "./epoch-key.ts";
import type { NewRecord } from "./epochs.ts";
import { CryptoError } from "./errors.ts";
import type { SealKeyPair } from "./hpke.ts";
import { type Bytes, randomBytes } from "./primitives.ts";
import { epochReference, memberOf, membersOf } from "./record-chain.ts";
import type { DerivedInvite } from "./room-invite.ts";
import { decodeChainState, encodeChainState } from "./stored-chain.ts";

type Keys = Map<number, Bytes>;

/** mulberry32 */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

class Churn {
  readonly held = new Map<string, Keys>();
  readonly links = new Map<string, { invite: DerivedInvite; keys: Keys }>();
  readonly guests = new Set<Person>();
  accepted = 0;

  constructor(
    readonly room: Room,
    readonly people: readonly Person[],
    readonly random: (below: number) => number,
  ) {}

  pick<T>(items: readonly T[]): T {
    return items[this.random(items.length)] as T;
  }

  keysOf(person: Person): Keys {
    const keys = this.held.get(person.account) ?? new Map();
    this.held.set(person.account, keys);
    return keys;
  }

  /** Opens what was sealed to people and links, with their own private keys. */
  async deliver(made: NewRecord): Promise<void> {
    const open = async (recipient: string, keys: Keys, pairOf: (generation: number) => SealKeyPair) => {
      for (const seal of made.seals.filter((candidate) => candidate.recipient === recipient)) {
        const { epoch } = made.state;
        keys.set(epoch, await openSeal(epochReference(made.state, epoch), seal, pairOf(seal.generation)));
      }
      for (const letter of made.letters.filter((candidate) => candidate.recipient === recipient))
        for (const [epoch, key] of await this.room.openLetter(made, letter, pairOf(letter.generation))) keys.set(epoch, key);
    };
    for (const person of this.people)
      await open(person.account, this.keysOf(person), (generation) => person.keyPairs.get(generation) as SealKeyPair);
    for (const [id, { invite, keys }] of this.links) await open(id, keys, () => invite.sealKeyPair);
  }

  async step(): Promise<void> {
    const { room } = this;
    const [by, other] = [this.pick(this.people), this.pick(this.people)];
    const isMember = memberOf(room.chain, by.account) !== undefined;
    const { changes, history } = isMember ? await this.change(by, other) : await this.entry(by);
    const epochKeys = this.keysOf(by);
    try {
      const made = await room.make(by, changes, { epochKeys, ...(history === undefined ? {} : { history }) });
      await room.accept(made);
      await this.deliver(made);
      this.accepted += 1;
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      return;
    }
    for (const { account } of membersOf(room.chain)) expect(this.held.get(account)?.has(room.chain.epoch)).toBe(true);
  }

  /** Of somebody outside: by a link, or by asking (the request is granted by any member). */
  async entry(guest: Person): Promise<{ changes: RoomChange[]; history?: undefined }> {
    const link = this.pick([...this.links.values(), null]);
    if (link === null) {
      const admit = await this.room.asksToJoin(guest);
      const host = this.people.find(({ account }) => memberOf(this.room.chain, account) !== undefined);
      if (host === undefined) return { changes: [admit] };
      const made = await this.room.make(host, [admit], { epochKeys: this.keysOf(host) }).catch(() => null);
      if (made !== null) {
        await this.room.accept(made);
        await this.deliver(made);
      }
      return { changes: [] };
    }
    const keys = this.keysOf(guest);
    for (const [epoch, key] of link.keys) keys.set(epoch, key);
    this.guests.add(guest);
    return { changes: [await this.room.joins(guest, link.invite)] };
  }

  async change(by: Person, other: Person): Promise<{ changes: RoomChange[]; history?: "shared" | "joined" }> {
    const { account } = other;
    switch (this.random(13)) {
      case 0:
      case 1:
      case 2:
        return { changes: [adding(other)] };
      case 3:
        return { changes: [{ kind: "remove", account, ban: this.random(3) === 0 }] };
      case 4:
        return { changes: [{ kind: "leave" }] };
      case 5:
        return { changes: [{ kind: "role", account, role: this.pick<Role>(["member", "admin", "owner"]) }] };
      case 6:
        return { changes: [{ kind: "unban", account }] };
      case 7:
        return { changes: [], history: this.pick(["shared", "joined"] as const) };
      case 8: {
        const { invite, change } = await this.room.newInvite(1 + this.random(2), this.room.nowMs + this.random(5));
        this.links.set(invite.id, { invite, keys: new Map() });
        return { changes: [change] };
      }
      case 9: {
        const [invite] = this.room.chain.room?.invites ?? [];
        return { changes: invite === undefined ? [] : [{ kind: "end-invite", invite: invite.id }] };
      }
      case 10:
        await by.rollEncryptionKey();
        return { changes: [{ kind: "pin", pin: { messageId: newMessageId(), envelopeHash: randomBytes(32) } }] };
      case 11: {
        this.room.nowMs += 1;
        // What has to be done before the next message.
        const newest = new Map(this.people.map((person) => [person.account, person.state.newestGeneration]));
        const reason = rotationDue(this.room.chain, newest, { openedAtMs: this.room.nowMs, nowMs: this.room.nowMs, messages: 0 });
        if (reason === null) return { changes: [] };
        await this.accept(await this.room.make(by, [], { renew: true, epochKeys: this.keysOf(by) }));
        expect(
          rotationDue(this.room.chain, newest, { openedAtMs: this.room.nowMs, nowMs: this.room.nowMs, messages: 0 }),
        ).toBeNull();
        return { changes: [] };
      }
      default:
        return {
          changes: [adding(other), { kind: "settings", settings: { ...openRoom, post: this.pick(["member", "admin"]) } }],
        };
    }
  }

  private async accept(made: NewRecord): Promise<void> {
    await this.room.accept(made);
    await this.deliver(made);
  }
}

for (let seed = 1; seed <= 12; seed++) {
  test(`[P9.12] seed ${seed}: one chain for everybody, and keys for exactly those who may read`, async () => {
    const people = await Promise.all([..."abcdef"].map((digit) => Person.create(digit)));
    const [owner, ...others] = people as [Person, ...Person[]];
    const room = await Room.create(owner, { settings: openRoom, members: others.slice(0, 2), others: others.slice(2) });
    const churn = new Churn(room, people, randomOf(seed));
    await churn.deliver(room.made[0] as NewRecord);
    for (let step = 0; step < 60 && room.chain.room?.isDeleted === false; step++) await churn.step();
    expect(churn.accepted).toBeGreaterThan(0);
    expect(await room.verifyAll()).toEqual(room.chain);
    expect(decodeChainState(encodeChainState(room.chain))).toEqual(room.chain);
    for (const person of people) {
      const readable = readableEpochs(room.chain, person.account);
      const keys = new Set(churn.keysOf(person).keys());
      // A link's holder may have had more from the link than the seat that it led to, if it led to one, allows.
      if (churn.guests.has(person)) expect([...readable].filter((epoch) => !keys.has(epoch))).toEqual([]);
      else expect([...keys].toSorted((a, b) => a - b)).toEqual([...readable].toSorted((a, b) => a - b));
      for (const [epoch, key] of churn.keysOf(person)) expect(key).toEqual(room.keys.get(epoch) as Bytes);
    }
  });
}
