// What becomes of messages that the server refuses, and of those that are taken back.
import { expect, test } from "bun:test";
import { decodeEnvelope, fromBase64url } from "@cychat/protocol";
import { type Person, ShiftedClock, World } from "./world.ts";

async function pair(world: World, alicesClock = new ShiftedClock(), bobsClock = new ShiftedClock()) {
  const [alice, bob] = [await world.person("alice", { clock: alicesClock }), await world.person("bob", { clock: bobsClock })];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "first");
  await bob.texts(chat, 1);
  return { alice, bob, chat };
}

/** The server refuses the next so many messages; nothing of them reaches it. */
function refuse(person: Person, code: string, times: number): void {
  let left = times;
  person.network.onSend = (frame) => {
    if (frame.type !== "send" || left === 0) return true;
    left -= 1;
    const { header } = decodeEnvelope(fromBase64url(String(frame.envelope)));
    const { conversation, messageId: id } = header;
    queueMicrotask(() => person.network.inject({ type: "refused", frame: "send", conversation, id, code, message: code }));
    return false;
  };
}

test("a busy server is asked again, and the order stays", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  refuse(alice, "overloaded", 2);
  await alice.client.sendText(chat, "second");
  await alice.client.sendText(chat, "third");
  expect(await bob.texts(chat, 3)).toEqual(["first", "second", "third"]);
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("a message refused for good fails alone; retried it arrives, and nobody misses anything", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  refuse(alice, "envelope-mismatch", 1);
  const { id } = await alice.client.sendText(chat, "refused");
  await alice.until("sees it failed", async () => (await alice.all(chat)).at(-1)?.state === "failed");
  expect((await alice.all(chat)).at(-1)?.problem?.code).toBe("envelope-mismatch");
  await alice.client.sendText(chat, "after it");
  expect(await bob.texts(chat, 2)).toEqual(["first", "after it"]);
  await alice.client.retry(id);
  expect(await bob.texts(chat, 3)).toEqual(["first", "after it", "refused"]);
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("a failed message can be discarded, and leaves no trace", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  refuse(alice, "envelope-mismatch", 1);
  const { id } = await alice.client.sendText(chat, "refused");
  await alice.until("sees it failed", async () => (await alice.all(chat)).at(-1)?.state === "failed");
  await alice.client.discard(id);
  expect(alice.events.filter((event) => event.type === "removed")).toEqual([{ type: "removed", conversation: chat, ids: [id] }]);
  await alice.client.sendText(chat, "instead");
  expect(await bob.texts(chat, 2)).toEqual(["first", "instead"]);
  expect(await alice.allTexts(chat)).toEqual(["first", "instead"]);
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("a message taken back while its answer is out is deleted if it was accepted after all", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  alice.network.rewriteFrame = (frame) => (frame.type === "ack" ? null : frame);
  const { id } = await alice.client.sendText(chat, "rather not");
  await bob.texts(chat, 2);
  await alice.client.discard(id);
  expect(await alice.allTexts(chat)).toEqual(["first"]);
  alice.network.rewriteFrame = (frame) => frame;
  alice.network.interrupt();
  await bob.until("sees it deleted", async () => (await bob.all(chat))[1]?.kind === "deleted");
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("an epoch that closes under a message: it is encrypted again, once, and nothing is missing", async () => {
  await using world = await World.start();
  const bobsClock = new ShiftedClock();
  const { alice, bob, chat } = await pair(world, new ShiftedClock(), bobsClock);
  const sent: string[] = [];
  alice.network.onSend = (frame) => {
    if (frame.type !== "send") return true;
    sent.push(String(frame.envelope));
    if (sent.length > 1) return true;
    alice.network.cut();
    return false;
  };
  await alice.client.sendText(chat, "under way");
  await alice.until("has lost the connection", async () => sent.length === 1);
  // Bob finds the key too old, and opens the next epoch.
  bobsClock.aheadMs = 8 * 24 * 3600 * 1000;
  await bob.client.sendText(chat, "new epoch");
  await bob.until("has sent it", async () => (await bob.all(chat)).every((message) => message.seq !== null));
  alice.network.restore();
  expect(await bob.texts(chat, 3)).toEqual(["first", "new epoch", "under way"]);
  expect(sent.length).toBeGreaterThanOrEqual(3);
  expect(sent[1]).toBe(sent[0] as string);
  expect(sent[2]).not.toBe(sent[0]);
  expect(await alice.texts(chat, 3)).toEqual(["first", "new epoch", "under way"]);
  for (const person of [alice, bob]) expect((await person.all(chat)).every((message) => message.problem === null)).toBe(true);
});
