// A client that dies at any point, and comes back, has lost nothing and doubles nothing.
import { expect, test } from "bun:test";
import type { ConversationId } from "@cychat/protocol";
import { MemoryStore, type Place, type Store, type Write } from "@cychat/sdk/bun";
import { World } from "./world.ts";

/** Dies at the n-th write, before or after it became durable: what follows never returns, as in a process that is gone. */
class MortalStore implements Store {
  #left = Number.POSITIVE_INFINITY;
  #isDead = false;
  readonly #afterlife = Promise.withResolvers<never>();
  readonly died = Promise.withResolvers<void>();
  get isDead(): boolean {
    return this.#isDead;
  }
  constructor(
    readonly inner: Store,
    readonly diesAfterWriting: boolean,
  ) {}

  dieAtWrite(n: number): void {
    this.#left = n;
  }
  read(place: Place) {
    return this.#alive(() => this.inner.read(place));
  }
  list(table: string, group?: string) {
    return this.#alive(() => this.inner.list(table, group));
  }
  readKey(name: string) {
    return this.#alive(() => this.inner.readKey(name));
  }
  clear() {
    return this.#alive(() => this.inner.clear());
  }
  async close() {}

  async write(writes: readonly Write[]): Promise<void> {
    this.#left -= 1;
    const dies = this.#left === 0;
    if (dies && this.diesAfterWriting) await this.inner.write(writes);
    if (dies) {
      this.#isDead = true;
      this.died.resolve();
    }
    return this.#alive(() => this.inner.write(writes));
  }

  #alive<T>(task: () => Promise<T>): Promise<T> {
    return this.#isDead ? this.#afterlife.promise : task();
  }

  /** Lets go of what waits, once the test is over. */
  bury(): void {
    this.#afterlife.promise.catch(() => {});
    this.#afterlife.reject(new Error("dead"));
  }
}

const texts = ["one", "two", "three"];

for (const diesAfterWriting of [false, true]) {
  test(`a sender that dies ${diesAfterWriting ? "after" : "before"} any of its writes sends everything once, in order, without a gap`, async () => {
    await using world = await World.start();
    const bob = await world.person("bob");
    let deaths = 0;
    for (let at = 1; at <= 12; at++) {
      const inner = new MemoryStore();
      const store = new MortalStore(inner, diesAfterWriting);
      const alice = await world.person(`alice${at}`, { store });
      const chat = await world.contacts(alice, bob);
      await alice.client.sendText(chat, "before");
      await bob.texts(chat, 1);
      await alice.until("has settled", async () => (await alice.all(chat))[0]?.state === "delivered");
      store.dieAtWrite(at);
      const written = writeAll(alice.client.sendText.bind(alice.client), chat);
      await Promise.race([store.died.promise, bob.texts(chat, 4)]);
      alice.network.cut();
      const again = await world.device(`alice${at}`, { store: inner });
      // What had not been kept is not promised; whatever was, is sent once.
      const kept = await written.known;
      const missing = texts.slice(kept);
      const present = (await again.allTexts(chat)).slice(1);
      for (const text of missing) if (!present.includes(text)) await again.client.sendText(chat, text);
      const received = await bob.texts(chat, 4);
      expect(received).toEqual(["before", ...texts]);
      expect((await bob.all(chat)).filter((message) => message.problem !== null)).toEqual([]);
      await again.until("has nothing left to send", async () => (await again.all(chat)).every((message) => message.seq !== null));
      expect(await again.allTexts(chat)).toEqual(["before", ...texts]);
      await again.client.close();
      store.bury();
      deaths += Number(store.isDead);
    }
    expect(deaths).toBeGreaterThanOrEqual(7);
  }, 60_000);
}

/** Writes one after another, as far as the dying client gets; `known` is how many it has confirmed by then. */
function writeAll(send: (chat: ConversationId, text: string) => Promise<unknown>, chat: ConversationId) {
  let confirmed = 0;
  void (async () => {
    for (const text of texts) {
      await send(chat, text);
      confirmed += 1;
    }
  })().catch(() => {});
  return {
    get known() {
      return Promise.resolve(confirmed);
    },
  };
}

test("an answer that never arrives: the message is sent again, and counts once", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  let lost = 0;
  alice.network.rewriteFrame = (frame) => {
    if (frame.type !== "ack" || lost > 0) return frame;
    lost += 1;
    queueMicrotask(() => alice.network.interrupt());
    return null;
  };
  await alice.client.sendText(chat, "hello");
  await alice.client.sendText(chat, "world");
  expect(await bob.texts(chat, 2)).toEqual(["hello", "world"]);
  expect(await alice.texts(chat, 2)).toEqual(["hello", "world"]);
  await alice.until("has nothing left to send", async () => (await alice.all(chat)).every((message) => message.seq !== null));
  expect(lost).toBe(1);
  expect((await bob.all(chat)).map((message) => message.seq)).toEqual([2, 3]);
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("a frame that never reaches the server is sent again as it was", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  const sent: unknown[] = [];
  alice.network.onSend = (frame) => {
    if (frame.type !== "send") return true;
    sent.push(frame.envelope);
    if (sent.length > 1) return true;
    queueMicrotask(() => alice.network.interrupt());
    return false;
  };
  await alice.client.sendText(chat, "hello");
  expect(await bob.texts(chat, 1)).toEqual(["hello"]);
  expect(sent).toHaveLength(2);
  expect(sent[0]).toBe(sent[1]);
});
