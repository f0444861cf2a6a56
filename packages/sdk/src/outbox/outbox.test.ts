import { describe, expect, test } from "bun:test";
import { zeroHash } from "@cychat/crypto";
import type { AccountId, ConversationId, DeviceId, MessageId } from "@cychat/protocol";
import { MemoryStore } from "../store/memory-store.ts";
import { type SealedEnvelope, type StoredMessage, tables } from "../store/tables.ts";
import { Outbox } from "./outbox.ts";

const chat = "c" as ConversationId;
const me = "me" as AccountId;
const device = "device" as DeviceId;
const id = (n: number) => `m${n}` as MessageId;
const hash = (n: number) => new Uint8Array(32).fill(n);

async function open(store = new MemoryStore(), of = device) {
  const outbox = new Outbox(store, of);
  await outbox.load();
  return { store, outbox };
}

async function sealedAs(outbox: Outbox, n: number): Promise<SealedEnvelope> {
  const before = await outbox.chainPoint(chat);
  return { envelope: `envelope ${n}`, hash: hash(n), epoch: 1, sentAtMs: n, before, counter: (before?.counter ?? 0) + 1 };
}

const stored = (n: number, of = device): StoredMessage => ({
  seq: n,
  atMs: n,
  id: id(n),
  sender: me,
  device: of,
  kind: "text",
  text: "",
  sentAtMs: n,
  envelopeHash: hash(n),
  problem: null,
  envelope: null,
});

const text = { kind: "text", text: "hello" } as const;

describe("outbox", () => {
  test("keeps the order of writing, also over a restart", async () => {
    const { store, outbox } = await open();
    for (const n of [3, 1, 2]) await outbox.add(chat, id(n), text, n);
    expect(outbox.of(chat).map((item) => item.id)).toEqual([id(3), id(1), id(2)]);
    const again = (await open(store)).outbox;
    await again.add(chat, id(4), text, 4);
    expect(again.of(chat).map((item) => item.id)).toEqual([id(3), id(1), id(2), id(4)]);
  });

  test("envelope and counter are written together, and come back together", async () => {
    const { store, outbox } = await open();
    const item = await outbox.add(chat, id(1), text, 1);
    await outbox.seal(item, await sealedAs(outbox, 1));
    const again = (await open(store)).outbox;
    expect(again.get(id(1))?.sealed?.envelope).toBe("envelope 1");
    expect(await again.chainPoint(chat)).toEqual({ counter: 1, hash: hash(1) });
  });

  test("what becomes of a file does not bring back a message that is taken back meanwhile", async () => {
    const { store, outbox } = await open();
    const facts = {
      key: hash(1),
      prefix: hash(2),
      size: 3,
      hash: hash(3),
      name: "a",
      type: "",
      dimensions: null,
      thumbnail: null,
      durationMs: null,
      waveform: null,
    };
    const files = [{ ...facts, blob: null, isUploaded: false }];
    const item = await outbox.add(chat, id(1), { kind: "files", text: "", files }, 1);
    const uploading = outbox.setFile(id(1), 0, { blob: null, isUploaded: true });
    await outbox.discard(item);
    await uploading;
    expect(outbox.get(id(1))).toBeUndefined();
    expect((await open(store)).outbox.all()).toEqual([]);
  });

  test("a message that was never accepted gives its place in the chain back", async () => {
    const { outbox } = await open();
    const first = await outbox.add(chat, id(1), text, 1);
    await outbox.seal(first, await sealedAs(outbox, 1));
    const settled = outbox.settle(me, [stored(1)], 0);
    settled.commit();
    const second = await outbox.seal(await outbox.add(chat, id(2), text, 2), await sealedAs(outbox, 2));
    expect(await outbox.chainPoint(chat)).toEqual({ counter: 2, hash: hash(2) });
    const failed = await outbox.unseal(second, { code: "too-large", message: "" });
    expect(failed).toMatchObject({ sealed: null, failed: { code: "too-large" } });
    expect(await outbox.chainPoint(chat)).toEqual({ counter: 1, hash: hash(1) });
  });

  test("the first message that is refused leaves a chain that has not begun", async () => {
    const { outbox } = await open();
    const item = await outbox.add(chat, id(1), text, 1);
    await outbox.unseal(await outbox.seal(item, await sealedAs(outbox, 1)), null);
    expect(await outbox.chainPoint(chat)).toEqual({ counter: 0, hash: zeroHash() });
    expect((await sealedAs(outbox, 1)).counter).toBe(1);
  });

  test("another device's chain is not ours", async () => {
    const { store, outbox } = await open();
    await outbox.seal(await outbox.add(chat, id(1), text, 1), await sealedAs(outbox, 1));
    expect(await (await open(store, "other" as DeviceId)).outbox.chainPoint(chat)).toBeNull();
  });

  test("what the server has leaves with the write that stores it, and not before", async () => {
    const { store, outbox } = await open();
    await outbox.add(chat, id(1), text, 1);
    const { writes, commit } = outbox.settle(me, [stored(1), stored(2), stored(1, "other" as DeviceId)], 0);
    expect(outbox.get(id(1))).toBeDefined();
    await store.write(writes);
    commit();
    expect(outbox.of(chat)).toEqual([]);
    expect((await open(store)).outbox.of(chat)).toEqual([]);
  });

  test("an accepted deletion leaves an erasure behind", async () => {
    const { store, outbox } = await open();
    await outbox.add(chat, id(9), { kind: "delete", targets: [{ messageId: id(1), envelopeHash: hash(1) }] }, 9);
    expect([...outbox.beingDeleted(chat)]).toEqual([id(1)]);
    await store.write(outbox.settle(me, [stored(9)], 0).writes);
    expect((await tables.erasures.list(store)).map((record) => record.value)).toEqual([{ conversation: chat, ids: [id(1)] }]);
  });

  test("retried, a message goes to the end; discarded, it is gone", async () => {
    const { store, outbox } = await open();
    const first = await outbox.add(chat, id(1), text, 1);
    await outbox.add(chat, id(2), text, 2);
    await outbox.retry(await outbox.unseal(first, { code: "x", message: "" }));
    expect(outbox.of(chat).map((item) => item.id)).toEqual([id(2), id(1)]);
    const again = (await open(store)).outbox;
    expect(again.of(chat).map((item) => item.id)).toEqual([id(2), id(1)]);
    const item = again.get(id(1));
    expect(item && (await again.discard(item))).toBe(true);
    expect((await open(store)).outbox.of(chat).map((one) => one.id)).toEqual([id(2)]);
  });

  test("discarded while its answer is out, it stays until that comes, and is deleted then", async () => {
    const { store, outbox } = await open();
    const item = await outbox.seal(await outbox.add(chat, id(1), text, 1), await sealedAs(outbox, 1));
    expect(await outbox.discard(item)).toBe(false);
    const { writes, commit } = outbox.settle(me, [stored(1)], 1_800_000_000_000);
    await store.write(writes);
    commit();
    const [deletion] = (await open(store)).outbox.of(chat);
    expect(deletion?.content).toEqual({ kind: "delete", targets: [{ messageId: id(1), envelopeHash: hash(1) }] });
  });

  test("a message that was discarded meanwhile is not sealed any more", async () => {
    const { outbox } = await open();
    const item = await outbox.add(chat, id(1), text, 1);
    await outbox.discard(item);
    expect(outbox.seal(item, await sealedAs(outbox, 1))).rejects.toThrow();
  });
});
