// How messages travel between people, whatever happens on the way.
import { expect, test } from "bun:test";
import { wasmArgon2id } from "@cychat/crypto";
import { Network, password, World } from "./world.ts";

test("two people write to each other, and see each other's messages as read", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "Hello Bob");
  expect(await bob.texts(chat, 1)).toEqual(["Hello Bob"]);
  await bob.client.sendText(chat, "Hello Alice");
  expect(await alice.texts(chat, 2)).toEqual(["Hello Bob", "Hello Alice"]);
  const [first] = await alice.all(chat);
  await bob.client.markRead(chat, first?.seq ?? 0);
  await alice.until("sees it as read", async () => (await alice.all(chat))[0]?.state === "read");
  expect((await bob.conversation(chat)).unread).toBe(0);
  expect(bob.ring()).toHaveLength(1);
  expect([...alice.reported, ...bob.reported]).toEqual([]);
});

test("what was missed offline arrives in order, exactly once", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "before");
  await bob.texts(chat, 1);
  bob.network.cut();
  const written = Array.from({ length: 25 }, (_, n) => `missed ${n}`);
  for (const text of written) await alice.client.sendText(chat, text);
  await alice.until("has sent all", async () =>
    (await alice.all(chat)).every((message) => message.state === "sent" || message.state === "delivered"),
  );
  bob.network.restore();
  expect(await bob.texts(chat, 26)).toEqual(["before", ...written]);
  expect(bob.told).toEqual((await bob.all(chat)).map((message) => message.id));
  expect(new Set(bob.told).size).toBe(26);
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("what was written offline waits, survives a restart, and is sent in order", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  alice.network.cut();
  for (const text of ["one", "two", "three"]) expect((await alice.client.sendText(chat, text)).state).toBe("sending");
  await alice.client.close();
  const network = new Network();
  network.cut();
  const again = await world.device("alice", { store: alice.store, network });
  expect((await again.client.session()).status).toBe("ready");
  expect(await again.allTexts(chat)).toEqual(["one", "two", "three"]);
  network.restore();
  expect(await bob.texts(chat, 3)).toEqual(["one", "two", "three"]);
});

test("a burst of 200 messages arrives in order", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  const written = Array.from({ length: 200 }, (_, n) => `burst ${n}`);
  await Promise.all(written.map((text) => alice.client.sendText(chat, text)));
  expect(await bob.texts(chat, 200)).toEqual(written);
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
}, 30_000);

test("frames that are lost or come out of order are read again by number", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "first");
  await bob.texts(chat, 1);
  let entries = 0;
  const held: Record<string, unknown>[] = [];
  bob.network.rewriteFrame = (frame) => {
    if (frame.type !== "entry") return frame;
    entries += 1;
    if (entries === 1) return null;
    if (entries === 2) held.push(frame);
    return entries === 3 ? frame : null;
  };
  for (const text of ["lost", "late", "seen"]) await alice.client.sendText(chat, text);
  expect(await bob.texts(chat, 4)).toEqual(["first", "lost", "late", "seen"]);
  expect((await bob.all(chat)).every((message) => message.problem === null)).toBe(true);
});

test("a third, empty device reads the whole history", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  const written = Array.from({ length: 130 }, (_, n) => `${n % 2 === 0 ? "alice" : "bob"} ${n}`);
  for (const text of written) await (text.startsWith("alice") ? alice : bob).client.sendText(chat, text);
  await bob.texts(chat, 130);
  await alice.texts(chat, 130);
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  await phone.texts(chat, 1);
  const texts = await phone.texts(chat, 130);
  expect(texts.toSorted()).toEqual(written.toSorted());
  expect(texts).toEqual(await bob.allTexts(chat));
  expect((await phone.all(chat)).filter((message) => message.problem !== null)).toEqual([]);
  await phone.client.sendText(chat, "from the phone");
  expect((await bob.texts(chat, 131)).at(-1)).toBe("from the phone");
  expect((await alice.texts(chat, 131)).at(-1)).toBe("from the phone");
}, 30_000);

test("two people who begin at the same time meet in one conversation", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  // Both records are ready before either reaches the server.
  const both = Promise.withResolvers<void>();
  let ready = 0;
  for (const person of [alice, bob]) {
    person.network.onRequest = async (method, path) => {
      if (method !== "POST" || !path.endsWith("/records")) return;
      ready += 1;
      if (ready === 2) both.resolve();
      await both.promise;
    };
  }
  await Promise.all([alice.client.sendText(chat, "from alice"), bob.client.sendText(chat, "from bob")]);
  const seen = await Promise.all([alice.texts(chat, 2), bob.texts(chat, 2)]);
  expect(seen[0]).toEqual(seen[1]);
  expect(seen[0]?.toSorted()).toEqual(["from alice", "from bob"]);
  expect(ready).toBeGreaterThanOrEqual(2);
});

test("a message to somebody without keys waits in the outbox until there are some", async () => {
  await using world = await World.start();
  const alice = await world.person("alice");
  const url = `${world.server.url}/api/v1/auth/register`;
  const body = JSON.stringify({ nickname: "script", email: "script@example.org", password: "a raw password" });
  expect((await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } })).status).toBe(201);
  const contact = await alice.client.addContact({ email: "script@example.org" });
  const { id, peerHasNoKeys } = await alice.client.openDirect(contact.id);
  expect(peerHasNoKeys).toBe(true);
  await alice.client.sendText(id, "are you there?");
  expect((await alice.all(id)).map((message) => message.state)).toEqual(["sending"]);
  // The account's first client with keys opens it.
  const script = await world.device("script", { argon2id: wasmArgon2id });
  await script.client.logIn({ email: "script@example.org", password: "a raw password" });
  expect(await script.texts(id, 1)).toEqual(["are you there?"]);
  await alice.until("knows", async () => !(await alice.conversation(id)).peerHasNoKeys);
});

test("entries that come twice, with one of them missing, are all read, in order", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "hello");
  await bob.texts(chat, 1);
  const frames: Record<string, unknown>[] = [];
  const haveCome = Promise.withResolvers<void>();
  bob.network.rewriteFrame = (frame) => {
    if (frame.type !== "entry") return frame;
    if (frames.push(frame) === 3) haveCome.resolve();
    return null;
  };
  for (const text of ["one", "two", "three"]) await alice.client.sendText(chat, text);
  await haveCome.promise;
  const [one, , three] = frames as [Record<string, unknown>, unknown, Record<string, unknown>];
  for (const frame of [one, one, three]) bob.network.inject(frame);
  expect(await bob.texts(chat, 4)).toEqual(["hello", "one", "two", "three"]);
  expect((await bob.all(chat)).map(({ problem }) => problem)).toEqual([null, null, null, null]);
});
