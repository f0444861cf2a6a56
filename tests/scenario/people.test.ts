// Strangers, contacts, and what one takes back.
import { expect, test } from "bun:test";
import { peerOf } from "../support/people.ts";
import { password, World } from "./world.ts";

test("a stranger's request does not ring, and tells them nothing until it is accepted", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const contact = await alice.client.addContact({ email: bob.email });
  const { id: chat } = await alice.client.openDirect(contact.id);
  await alice.client.sendText(chat, "do you know me?");
  expect(await bob.texts(chat, 1)).toEqual(["do you know me?"]);
  const request = await bob.conversation(chat);
  expect(request).toMatchObject({ state: "request", isContact: false, unread: 1 });
  expect(bob.ring()).toEqual([]);
  expect((await alice.all(chat))[0]?.state).toBe("sent");

  await bob.client.answerRequest(chat, "accept");
  await bob.until("has the contact", async () => (await bob.conversation(chat)).isContact);
  await alice.until("sees it delivered", async () => (await alice.all(chat))[0]?.state === "delivered");
  await alice.client.sendText(chat, "thank you");
  await bob.until("hears it", async () => bob.ring().length === 1);
});

test("nothing rings while one does not want to be disturbed, nor from a muted conversation", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await bob.client.setChatStatus("dnd");
  await alice.client.sendText(chat, "one");
  await bob.texts(chat, 1);
  await bob.client.setChatStatus("online");
  await bob.client.setMuted(chat, true);
  expect((await bob.conversation(chat)).muted).toBe(true);
  await alice.client.sendText(chat, "two");
  await bob.texts(chat, 2);
  expect(bob.ring()).toEqual([]);
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await phone.texts(chat, 2);
  expect((await phone.conversation(chat)).muted).toBe(true);
  await bob.client.setMuted(chat, false);
  await alice.client.sendText(chat, "three");
  await bob.until("hears it", async () => bob.ring().length === 1);
});

test("who is blocked notices nothing, and is not heard", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "before");
  await bob.texts(chat, 1);
  const peer = peerOf(await bob.conversation(chat));
  await bob.client.block(peer.id);
  await bob.until("does not see it any more", async () => !(await bob.client.conversations()).some(({ id }) => id === chat));
  expect((await bob.client.blocked()).map(({ nickname }) => nickname)).toEqual(["alice"]);
  await alice.client.sendText(chat, "are you there?");
  await alice.until("has sent it", async () => (await alice.all(chat)).every((message) => message.seq !== null));
  expect(
    bob.events.flatMap((event) => (event.type === "messages" ? event.messages : [])).map((message) => message.text),
  ).not.toContain("are you there?");

  await bob.client.unblock(peer.id);
  await bob.until("is reachable again", async () => (await bob.client.conversations()).some(({ id }) => id === chat));
  await alice.client.sendText(chat, "hello again");
  await bob.until("hears it", async () => (await bob.allTexts(chat)).at(-1) === "hello again");
});

test("a deleted message is gone on both sides and from the server, and a new device sees that it was deleted", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  for (const text of ["one", "two", "three"]) await alice.client.sendText(chat, text);
  await bob.texts(chat, 3);
  const two = (await alice.all(chat)).find((message) => message.text === "two");
  await alice.client.deleteMessages(chat, [two?.id as never]);
  await bob.until("sees it deleted", async () => (await bob.all(chat))[1]?.kind === "deleted");
  expect(await bob.allTexts(chat)).toEqual(["one", "", "three"]);
  await alice.until("sees it deleted", async () => (await alice.all(chat))[1]?.kind === "deleted");
  await alice.until("the server has erased it", async () => {
    const erased = await world.server.core.db.selectFrom("entries").select("message_id").where("kind", "=", "erased").execute();
    return erased.some((entry) => entry.message_id === two?.id);
  });
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await phone.texts(chat, 3);
  expect((await phone.all(chat)).map(({ kind, text, problem }) => [kind, text, problem])).toEqual([
    ["text", "one", null],
    ["deleted", "", null],
    ["text", "three", null],
  ]);
});

test("all one's own messages can be deleted at once; those of the other stay", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  for (let n = 0; n < 5; n++) {
    await alice.client.sendText(chat, `alice ${n}`);
    await bob.texts(chat, 2 * n + 1);
    await bob.client.sendText(chat, `bob ${n}`);
    await alice.texts(chat, 2 * n + 2);
  }
  await alice.client.deleteAllMyMessages(chat);
  const kinds = async () => (await bob.all(chat)).map(({ kind, text }) => (kind === "deleted" ? "-" : text));
  await bob.until("sees them deleted", async () => (await kinds()).filter((text) => text === "-").length === 5);
  expect(await kinds()).toEqual(["-", "bob 0", "-", "bob 1", "-", "bob 2", "-", "bob 3", "-", "bob 4"]);
  await alice.client.sendText(chat, "after");
  await bob.until("hears it", async () => (await kinds()).at(-1) === "after");
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("typing is seen and ends, drafts are kept, presence is known", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "hello");
  await bob.texts(chat, 1);
  await alice.client.setTyping(chat, true);
  await bob.until("sees typing", async () => (await bob.conversation(chat)).typing.length > 0);
  await alice.client.sendText(chat, "there");
  await bob.until("typing ended", async () => (await bob.conversation(chat)).typing.length === 0);
  await alice.client.setDraft(chat, "half a thought");
  expect((await alice.conversation(chat)).draft).toBe("half a thought");
  await bob.until("sees alice online", async () => (await bob.conversation(chat)).presence === "online");
  await alice.client.setChatStatus("busy");
  await bob.until("sees alice busy", async () => (await bob.conversation(chat)).presence === "busy");
  await bob.client.setPicture(
    Uint8Array.fromBase64("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
  );
  await alice.until("sees the picture", async () => peerOf(await alice.conversation(chat)).pictureVersion > 0);
  const peer = peerOf(await alice.conversation(chat));
  expect((await alice.client.picture(peer.id, peer.pictureVersion))?.type).toContain("image/");
});

test("what the server erased for its age raises no alarm, on a new device and on one that was away", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "first");
  await bob.texts(chat, 1);
  bob.network.cut();
  for (const text of ["second", "third", "fourth"]) await alice.client.sendText(chat, text);
  await alice.until("has sent all", async () => (await alice.all(chat)).every((message) => message.seq !== null));
  // Retention erases from the beginning on, and leaves no signed deletion.
  await world.server.core.db
    .updateTable("entries")
    .set((eb) => ({ kind: "erased", envelope: null, at_ms: eb("at_ms", "-", 3 * 24 * 3600 * 1000) }))
    .where("kind", "=", "message")
    .where("seq", "<=", 4)
    .execute();
  bob.network.restore();
  const shown = async (person: typeof bob) => (await person.all(chat)).map(({ text, problem }) => [text, problem?.code ?? null]);
  await bob.texts(chat, 4);
  expect(await shown(bob)).toEqual([
    ["first", null],
    ["", null],
    ["", null],
    ["fourth", null],
  ]);
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await phone.texts(chat, 4);
  expect(await shown(phone)).toEqual([
    ["", null],
    ["", null],
    ["", null],
    ["fourth", null],
  ]);
  await alice.client.sendText(chat, "fifth");
  for (const device of [bob, phone]) expect((await device.texts(chat, 5)).at(-1)).toBe("fifth");
  expect((await shown(phone)).at(-1)).toEqual(["fifth", null]);
});
