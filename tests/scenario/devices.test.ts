// Several devices of one account, and what they share.
import { expect, test } from "bun:test";
import { password, ShiftedClock, World } from "./world.ts";

test("two devices of one account write in turn, and everybody reads the same", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "from the laptop");
  await bob.texts(chat, 1);
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  await phone.texts(chat, 1);
  for (let n = 0; n < 6; n++) {
    await (n % 2 === 0 ? phone : alice).client.sendText(chat, `turn ${n}`);
    await bob.texts(chat, n + 2);
  }
  const expected = ["from the laptop", ...Array.from({ length: 6 }, (_, n) => `turn ${n}`)];
  for (const device of [alice, bob, phone]) {
    expect(await device.texts(chat, 7)).toEqual(expected);
    expect((await device.all(chat)).every((message) => message.problem === null)).toBe(true);
  }
  expect((await phone.all(chat)).every((message) => message.mine)).toBe(true);
});

test("what is read on one device is read on the other", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  for (const text of ["one", "two", "three"]) await alice.client.sendText(chat, text);
  await bob.texts(chat, 3);
  await phone.until("counts three", async () => (await phone.look(chat))?.unread === 3);
  const last = (await bob.all(chat)).at(-1)?.seq ?? 0;
  await bob.client.markRead(chat, last - 1);
  await phone.until("counts one", async () => (await phone.look(chat))?.unread === 1);
  await bob.client.markRead(chat, last);
  await phone.until("counts none", async () => (await phone.look(chat))?.unread === 0);
  expect((await phone.look(chat))?.readSeq).toBe(last);
});

test("read while offline: told when the connection is back", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "hello");
  await bob.texts(chat, 1);
  bob.network.cut();
  await bob.client.markRead(chat, 2);
  expect((await bob.conversation(chat)).unread).toBe(0);
  bob.network.restore();
  await alice.until("sees it read", async () => (await alice.all(chat))[0]?.state === "read");
});

test("an encryption key older than 30 days is rolled at an unlock, and every conversation takes a new key before its next message", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "old key");
  await bob.texts(chat, 1);
  const generation = async () => {
    const rows = await world.server.core.db.selectFrom("account_keys").select("generation").execute();
    return Math.max(...rows.map((row) => Number(row.generation)));
  };
  const epoch = async () =>
    (await world.server.core.db.selectFrom("conversations").select("epoch").executeTakeFirstOrThrow()).epoch;
  expect(await generation()).toBe(1);
  const phone = await world.device("bob", { clock: new ShiftedClock(31 * 24 * 3600 * 1000) });
  await phone.client.logIn({ email: bob.email, password });
  await phone.texts(chat, 1);
  expect(await generation()).toBe(2);
  expect(await epoch()).toBe(1);
  await alice.client.sendText(chat, "new key");
  for (const device of [bob, phone, alice]) expect(await device.texts(chat, 2)).toEqual(["old key", "new key"]);
  expect(await epoch()).toBe(2);
  // A device that comes later reads both.
  const tablet = await world.device("bob");
  await tablet.client.logIn({ email: bob.email, password });
  expect(await tablet.texts(chat, 2)).toEqual(["old key", "new key"]);
});

test("what is sealed to an encryption key before the next one is published is read, however long that took", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await bob.client.close();
  const dayMs = 24 * 3600 * 1000;
  const phone = await world.device("bob", { clock: new ShiftedClock(31 * dayMs) });
  let refused = 0;
  phone.network.onRequest = (method, path) => {
    if (method !== "POST" || path !== "/keys/log" || refused++ === 0) return;
    throw new Error("The connection was lost.");
  };
  await phone.client.logIn({ email: bob.email, password });
  await phone.online();
  expect(refused).toBe(2);
  await phone.client.close();
  await alice.client.sendText(chat, "sealed to the first key");
  await alice.until("it is sent", async () => (await alice.all(chat))[0]?.state === "sent");
  const tablet = await world.device("bob", { clock: new ShiftedClock(62 * dayMs) });
  await tablet.client.logIn({ email: bob.email, password });
  expect(await tablet.texts(chat, 1)).toEqual(["sealed to the first key"]);
});

test("catching up costs in proportion to what was missed, not to the history", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await Promise.all(Array.from({ length: 300 }, (_, n) => alice.client.sendText(chat, `old ${n}`)));
  await bob.until("has all", async () => (await bob.client.history(chat, { limit: 1 })).messages[0]?.text === "old 299");
  await bob.client.close();
  await alice.client.sendText(chat, "missed");
  await alice.until("has sent it", async () => (await alice.client.history(chat, { limit: 1 })).messages[0]?.seq != null);
  const asked: string[] = [];
  const again = await world.device("bob", { store: bob.store });
  again.network.onRequest = (_method, path) => void asked.push(path);
  await again.until("has it", async () => (await again.client.history(chat, { limit: 1 })).messages[0]?.text === "missed");
  const entries = asked.filter((path) => path.includes("/entries"));
  expect(entries.length).toBeLessThanOrEqual(2);
  expect(entries.every((path) => path.includes("after=301"))).toBe(true);
  expect(asked.filter((path) => path.includes("/records"))).toEqual([]);
}, 30_000);
