// The messages of one conversation as they are kept: blocks of 64 numbers, a few of them in memory. Reading needs no
// turn in the conversation's queue, so what is stored can be shown while the network is slow.
import type { ConversationId, MessageId } from "@cychat/protocol";
import type { Store, Write } from "../store/store.ts";
import { blockSize, type StoredMessage, tables } from "../store/tables.ts";

type Block = ReadonlyMap<number, StoredMessage>;

const blocksInMemory = 12;

/** A change that is not durable yet: write `writes`, then `commit`. */
export interface Staged {
  readonly writes: readonly Write[];
  commit(): void;
}

export class HistoryBlocks {
  readonly #cache = new Map<number, Block>();
  /** Grows with every commit: what was read from the store across one may be old. */
  #commits = 0;

  constructor(
    readonly store: Store,
    readonly conversation: ConversationId,
  ) {}

  async stage(messages: readonly StoredMessage[]): Promise<Staged> {
    const changed = new Map<number, Map<number, StoredMessage>>();
    for (const message of messages) {
      const number = blockOf(message.seq);
      let block = changed.get(number);
      if (block === undefined) {
        block = new Map(await this.#block(number));
        changed.set(number, block);
      }
      block.set(message.seq, message);
    }
    const writes = [...changed].map(([number, block]) =>
      tables.history.put(
        this.conversation,
        number,
        [...block.values()].sort((a, b) => a.seq - b.seq),
      ),
    );
    return {
      writes,
      commit: () => {
        this.#commits += 1;
        for (const [number, block] of changed) this.#remember(number, block);
      },
    };
  }

  async at(seq: number): Promise<StoredMessage | undefined> {
    return (await this.#block(blockOf(seq))).get(seq);
  }

  /** Messages with `from` ≤ seq < `before`, newest first, until `wanted` have passed the filter. */
  async newestBefore(
    before: number,
    from: number,
    wanted: number,
    filter: (message: StoredMessage) => boolean,
  ): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (let number = blockOf(before - 1); number >= blockOf(from) && before > from; number--) {
      const block = [...(await this.#block(number)).values()].sort((a, b) => b.seq - a.seq);
      for (const message of block) {
        if (message.seq >= before || message.seq < from || !filter(message)) continue;
        found.push(message);
        if (found.length === wanted) return found;
      }
    }
    return found;
  }

  /** `matches`: of two that somebody gave the same id, the one that is meant. */
  async find(
    id: MessageId,
    from: number,
    to: number,
    matches: (message: StoredMessage) => boolean = () => true,
  ): Promise<StoredMessage | undefined> {
    const isIt = (message: StoredMessage) => message.id === id && matches(message);
    return this.recent(isIt) ?? (await this.newestBefore(to + 1, from, 1, isIt))[0];
  }

  /** Among those that are in memory. */
  recent(isIt: (message: StoredMessage) => boolean): StoredMessage | undefined {
    for (const block of this.#cache.values()) for (const message of block.values()) if (isIt(message)) return message;
    return undefined;
  }

  async #block(number: number): Promise<Block> {
    for (;;) {
      const known = this.#cache.get(number);
      if (known !== undefined) return known;
      const commits = this.#commits;
      const stored = (await tables.history.read(this.store, this.conversation, number)) ?? [];
      if (commits !== this.#commits) continue;
      const block = new Map(stored.map((message) => [message.seq, message]));
      this.#remember(number, block);
      return block;
    }
  }

  #remember(number: number, block: Block): void {
    this.#cache.delete(number);
    this.#cache.set(number, block);
    if (this.#cache.size <= blocksInMemory) return;
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined) this.#cache.delete(oldest);
  }
}

const blockOf = (seq: number): number => Math.floor(seq / blockSize);
