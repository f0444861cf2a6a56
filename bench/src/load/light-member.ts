// A member's device that does nothing but hear of a new key, fetch its seal and open it: a room needs a thousand of them,
// and real clients of all would take more memory and CPU than the machine has. It reads what the server sends for that, but
// verifies no chain and keeps no keyring.
import { type EpochReference, openSeal, openSealed, sha256 } from "@cychat/crypto";
import {
  apiBase,
  type ConversationId,
  conversationEndpoints,
  decodeRecord,
  encodeCbor,
  fromBase64url,
  heartbeat,
  labels,
  type RecordEntry,
  type ServerFrame,
  type StoredLetter,
} from "@cychat/protocol";
import type { CrowdMember } from "../people/crowd.ts";
import { call } from "../people/rest.ts";
import { Connection, textFrame } from "./connection.ts";

export interface LightMemberOptions {
  readonly url: string;
  readonly port: number;
  readonly member: CrowdMember;
  /** Which of the member's devices. */
  readonly device: number;
  /** The key of an epoch was fetched, opened and compared with its record; also the one that came in a newcomer's letter. */
  onKey(conversation: ConversationId, epoch: number): void;
  onProblem(error: unknown): void;
}

const ping = textFrame(JSON.stringify({ type: "ping" }));
const messageMark = '"kind":"message"';

export class LightMember {
  readonly #options: LightMemberOptions;
  readonly #token: string;
  /** Hears, and does nothing about it: for what a room costs while the others are slow, or away. */
  isIdle = false;
  readonly #known = new Set<ConversationId>();
  #connection: Connection | null = null;
  #pings: ReturnType<typeof setInterval> | undefined;
  /** It knows what there was before it came. */
  #asOfMs = Date.now();
  #listing = Promise.resolve();

  private constructor(options: LightMemberOptions, token: string) {
    this.#options = options;
    this.#token = token;
  }

  static async open(options: LightMemberOptions): Promise<LightMember> {
    const token = options.member.devices[options.device]?.token;
    if (token === undefined) throw new Error("no such device");
    const light = new LightMember(options, token);
    const welcomed = Promise.withResolvers<void>();
    light.#connection = await Connection.open(options.port, `${apiBase}/ws`, {
      onText: (payload) => {
        // A busy room sends each of two thousand devices every message; those are somebody else's measure.
        if (light.isIdle || payload.includes(messageMark)) return;
        const frame = JSON.parse(payload.toString("utf8")) as ServerFrame;
        if (frame.type === "welcome") welcomed.resolve();
        else light.#take(frame);
      },
      onClosed: (why) => {
        const error = new Error(`the connection was ${why}`);
        welcomed.reject(error);
        options.onProblem(error);
      },
    });
    light.#connection.write(textFrame(JSON.stringify({ type: "hello", token })));
    await welcomed.promise;
    light.#pings = setInterval(() => light.#connection?.write(ping), heartbeat.clientPingMs);
    return light;
  }

  end(): void {
    clearInterval(this.#pings);
    this.#connection?.end();
  }

  #take(frame: ServerFrame): void {
    if (frame.type === "entry" && frame.entry.kind === "record") {
      const { conversation, entry } = frame;
      const { changes } = decodeRecord(fromBase64url(entry.record.payload));
      if (changes.some(({ kind }) => kind === "renew")) this.#fetch(conversation, entry).catch(this.#options.onProblem);
    } else if (frame.type === "changed" && frame.what === "conversations") {
      this.#listing = this.#listing.then(() => this.#list()).catch(this.#options.onProblem);
    }
  }

  /** As a client does: what changed since the last time, and of a new room its records from the first one on. */
  async #list(): Promise<void> {
    const { url } = this.#options;
    const query = { changed_since_ms: String(this.#asOfMs) };
    const { conversations, as_of_ms } = await call(url, conversationEndpoints.conversations, { token: this.#token, query });
    this.#asOfMs = as_of_ms;
    for (const { id, kind, epoch } of conversations) {
      if (kind !== "room" || this.#known.has(id)) continue;
      const opened = await this.#recordThatOpened(id, epoch);
      if (opened !== undefined) await this.#fetch(id, opened);
    }
  }

  async #recordThatOpened(id: ConversationId, epoch: number): Promise<RecordEntry | undefined> {
    const { url } = this.#options;
    for (let from = 0; ; ) {
      const input = { token: this.#token, params: { id }, query: { from: String(from) } };
      const { records } = await call(url, conversationEndpoints.records, input);
      const found = records.find((record) => record.epoch === epoch);
      if (found !== undefined || records.length < 100) return found;
      from += records.length;
    }
  }

  async #fetch(id: ConversationId, { record, epoch }: RecordEntry): Promise<void> {
    const { url, member, onKey } = this.#options;
    this.#known.add(id);
    const { seals, letters } = await call(url, conversationEndpoints.seals, { token: this.#token, params: { id } });
    const seal = seals.findLast((each) => each.epoch === epoch);
    const letter = letters.at(-1);
    if (seal !== undefined) {
      const payload = fromBase64url(record.payload);
      const { commitment } = decodeRecord(payload);
      const reference: EpochReference = { conversation: id, epoch, recordHash: await sha256(payload), commitment };
      await openSeal(reference, { recipient: member.account, generation: seal.generation, ...bytesOf(seal) }, member.sealKey);
    } else if (letter !== undefined) await this.#openLetter(id, letter);
    else return;
    onKey(id, epoch);
  }

  /** Of a newcomer: the record that it names is the one that let them in. */
  async #openLetter(id: ConversationId, letter: StoredLetter): Promise<void> {
    const { url, member } = this.#options;
    const input = { token: this.#token, params: { id }, query: { from: String(letter.record_index) } };
    const [entry] = (await call(url, conversationEndpoints.records, input)).records;
    if (entry === undefined) throw new Error("a letter names a record that is not there");
    const recordHash = await sha256(fromBase64url(entry.record.payload));
    const info = encodeCbor([labels.history, id, recordHash, member.account, letter.generation]);
    await openSealed(member.sealKey, info, bytesOf(letter));
  }
}

function bytesOf({ encapsulated, ciphertext }: Pick<StoredLetter, "encapsulated" | "ciphertext">) {
  return { encapsulated: fromBase64url(encapsulated), ciphertext: fromBase64url(ciphertext) };
}
