// For tests only: accounts with keys, built through the package's own functions.
import { type AccountId, type ConversationId, newMessageId, type Signed } from "@cychat/protocol";
import { type AccountState, appendEntry, createAccountLog, type LaterBody } from "../src/account-log.ts";
import { generateDevice } from "../src/device.ts";
import { createGenesis, type DirectRecord } from "../src/direct-chats.ts";
import type { MessageToSeal } from "../src/envelope.ts";
import type { Author, RecordEvidence } from "../src/epochs.ts";
import { CryptoError, type CryptoErrorCode } from "../src/errors.ts";
import { generateSealKeyPair, type SealKeyPair } from "../src/hpke.ts";
import { generateIdentity, type SigningKey } from "../src/identity.ts";
import { zeroHash } from "../src/primitives.ts";
import type { ChainState, ResolveAccount } from "../src/record-chain.ts";

export class Person {
  readonly entries: Signed[] = [];
  readonly keyPairs = new Map<number, SealKeyPair>();
  device!: Author["device"];
  identity!: SigningKey;
  state!: AccountState;

  static async create(digit: string): Promise<Person> {
    const person = new Person();
    person.identity = (await generateIdentity()).identity;
    const account = `${digit.repeat(8)}-0000-4000-8000-000000000000` as AccountId;
    const { entry, state } = await createAccountLog(account, person.identity);
    person.entries.push(entry);
    person.state = state;
    await person.rollEncryptionKey();
    person.device = await person.addDevice();
    return person;
  }

  get account(): AccountId {
    return this.state.account;
  }
  get author(): Author {
    return { account: this.state, device: this.device };
  }

  async append(body: LaterBody): Promise<void> {
    const { entry, state } = await appendEntry(this.state, this.identity, body);
    this.entries.push(entry);
    this.state = state;
  }
  async addDevice(): Promise<Author["device"]> {
    const device = await generateDevice();
    await this.append({ kind: "device", deviceKey: device.publicKey, vaultVersion: 1, vaultHash: zeroHash() });
    return device;
  }
  async rollEncryptionKey(): Promise<void> {
    const keyPair = await generateSealKeyPair();
    const generation = this.state.newestGeneration + 1;
    await this.append({ kind: "encryption", generation, publicKey: keyPair.publicKey });
    this.keyPairs.set(generation, keyPair);
  }
}

/** Two people and the direct chat between them. */
export class World {
  readonly records: RecordEvidence[] = [];
  readonly epochKeys = new Map<number, Uint8Array<ArrayBuffer>>();
  chain!: ChainState;
  genesis!: DirectRecord;
  readonly nowMs = 1_764_000_000_000;
  constructor(
    readonly alice: Person,
    readonly bob: Person,
  ) {}

  static async create(): Promise<World> {
    const world = new World(await Person.create("a"), await Person.create("b"));
    world.genesis = await createGenesis(world.alice.author, world.bob.state);
    world.accept(world.genesis);
    return world;
  }

  get conversation(): ConversationId {
    return this.chain.conversation;
  }
  readonly resolve: ResolveAccount = (account) => {
    const person = [this.alice, this.bob].find((candidate) => candidate.account === account);
    if (person === undefined) throw new CryptoError("not-a-member");
    return person.state;
  };
  accept(record: DirectRecord): void {
    this.records.push({ record: record.record, memberList: record.memberList });
    this.chain = record.state;
    this.epochKeys.set(record.state.epoch, record.epochKey);
  }
  message(from: Person, text: string, changes: Partial<MessageToSeal> = {}): MessageToSeal {
    const { conversation, epoch, hash } = this.chain;
    const epochKey = this.epochKeys.get(epoch) as Uint8Array;
    const content = { kind: "text", text, mentions: [] } as const;
    const { account, device } = from;
    return {
      conversation,
      epoch,
      epochKey,
      messageId: newMessageId(),
      account,
      device,
      recordHash: hash,
      sentAtMs: 1_764_000_000_000,
      counter: 1,
      prev: zeroHash(),
      content,
      ...changes,
    };
  }
}

/** The code that a refused promise carries; fails when it is not refused. */
export async function refusal(attempt: Promise<unknown> | (() => unknown)): Promise<CryptoErrorCode> {
  try {
    await (typeof attempt === "function" ? attempt() : attempt);
  } catch (error) {
    if (error instanceof CryptoError) return error.code;
    throw error;
  }
  throw new Error("it was not refused");
}

/** A copy with one bit changed. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const at = bit >> 3;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** Runs `attempt` on copies with each bit of `bytes` flipped (every `step`-th, and every bit of the last byte). */
export async function eachFlip(
  bytes: Uint8Array,
  attempt: (altered: Uint8Array<ArrayBuffer>) => Promise<unknown>,
  step = 1,
): Promise<Set<CryptoErrorCode>> {
  const codes = new Set<CryptoErrorCode>();
  const bits = bytes.length * 8;
  for (let bit = 0; bit < bits; bit += bit >= bits - 8 ? 1 : Math.min(step, bits - 8 - bit) || 1) {
    codes.add(await refusal(attempt(flip(bytes, bit))));
  }
  return codes;
}
