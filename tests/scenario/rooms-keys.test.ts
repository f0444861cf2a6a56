// The keys of a room: when there is a new one, who gets it, how a lost one comes again, and how old ones are destroyed.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { ConversationId } from "@cychat/protocol";
import type { TestServer } from "../../apps/server/src/testing/test-server.ts";
import { keptEpochs } from "../support/kept-keys.ts";
import {
  epochOf,
  eventually,
  idOf,
  introduce,
  makeRoom,
  people,
  problemsIn,
  reads,
  stands,
  viewOf,
  write,
} from "../support/rooms.ts";
import { type Person, password, ShiftedClock, World } from "./world.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

const day = 24 * 3600_000;

async function three(world: World): Promise<[alice: Person, bob: Person, carol: Person]> {
  const [alice, bob, carol] = [await world.person("alice"), await world.person("bob"), await world.person("carol")];
  await introduce(alice, bob, carol);
  return [alice, bob, carol];
}

/** Keys and letters that still wait for somebody on the server. */
async function waiting({ core: { db } }: TestServer, room: ConversationId, person: Person): Promise<number> {
  const me = await idOf(person);
  const seals = await db
    .selectFrom("seals")
    .select("epoch")
    .where("conversation", "=", room)
    .where("recipient", "=", me)
    .execute();
  const letters = await db
    .selectFrom("history_letters")
    .select("record_index")
    .where("conversation", "=", room)
    .where("recipient", "=", me)
    .execute();
  return seals.length + letters.length;
}

test("[P9.8] a key is replaced when it is a week old, by whoever writes next", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "young");
  await reads(bob, room, "young");
  const before = await epochOf(world.server, room);
  await bob.client.close();
  const later = await world.device("bob", { store: bob.store, clock: new ShiftedClock(8 * day) });
  await later.online();
  await write(later, room, "old");
  expect(await epochOf(world.server, room)).toBe(before + 1);
  await reads(carol, room, "young", "old");
  expect(await problemsIn(carol, room)).toEqual([]);
});

test("[P9.8] a key is replaced after a thousand messages", async () => {
  await using world = await World.start();
  const [alice, bob] = await three(world);
  const room = await makeRoom(alice, [bob]);
  await write(alice, room, "first");
  const before = await epochOf(world.server, room);
  for (let n = 0; n < 1001; n++) await alice.client.sendText(room, `${n}`);
  await alice.until("has sent all", async () => {
    const { messages } = await alice.client.history(room, { limit: 5 });
    return messages.at(-1)?.text === "1000" && messages.at(-1)?.seq !== null;
  });
  expect(await epochOf(world.server, room)).toBe(before + 1);
  await bob.until("has the last", async () => (await viewOf(bob, room)).lastMessage?.text === "1000");
  expect((await viewOf(bob, room)).problem).toBeNull();
});

test("[P9.8] a key is replaced when a member rolled the encryption key, and the new one is used", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "old key");
  await reads(bob, room, "old key");
  const before = await epochOf(world.server, room);
  const later = await world.device("bob", { clock: new ShiftedClock(31 * day) });
  await later.client.logIn({ email: bob.email, password });
  await stands(later, room, "member");
  const { db } = world.server.core;
  const bobsId = await idOf(bob);
  await later.until("has rolled its key", async () => {
    const row = await db.selectFrom("account_keys").select("generation").where("account", "=", bobsId).executeTakeFirst();
    return row?.generation === 2;
  });
  await write(alice, room, "new key");
  expect(await epochOf(world.server, room)).toBe(before + 1);
  for (const person of [bob, carol, later]) await reads(person, room, "old key", "new key");
  expect(await problemsIn(carol, room)).toEqual([]);
});

test("[P4.9] what waits on the server for a member is deleted once it is in the safe", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob]);
  await write(alice, room, "one");
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  for (const person of [bob, carol]) {
    await reads(person, room, "one");
    await eventually("has put it into the safe", async () => (await waiting(world.server, room, person)) === 0);
  }
  bob.network.cut();
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "two");
  expect(await waiting(world.server, room, bob)).toBe(1);
  bob.network.restore();
  await reads(bob, room, "one", "two");
  await eventually("has put that into the safe, too", async () => (await waiting(world.server, room, bob)) === 0);
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await reads(phone, room, "one", "two");
});

test("[P9.13] a letter that was lost is written again by another member, and what could not be read is read", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "one");
  await reads(bob, room, "one");
  for (const person of [bob, alice]) person.network.cut();
  await carol.client.leaveRoom(room);
  alice.network.restore();
  await write(alice, room, "two");
  alice.network.cut();
  await world.server.core.db
    .deleteFrom("seals")
    .where("recipient", "=", await idOf(bob))
    .execute();
  bob.network.restore();
  await bob.until("cannot read it", async () => (await bob.all(room)).some(({ problem }) => problem?.code === "undecryptable"));
  alice.network.restore();
  await reads(bob, room, "one", "two");
  expect(await problemsIn(bob, room)).toEqual([]);
  await write(bob, room, "three");
  await reads(alice, room, "one", "two", "three");
});

test("[P9.13] whoever cannot get the open key, with nobody there to ask, opens a new epoch rather than being silent", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "one");
  await reads(bob, room, "one");
  bob.network.cut();
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "two");
  alice.network.cut();
  await world.server.core.db
    .deleteFrom("seals")
    .where("recipient", "=", await idOf(bob))
    .execute();
  const before = await epochOf(world.server, room);
  bob.network.restore();
  await write(bob, room, "three");
  expect(await epochOf(world.server, room)).toBe(before + 1);
  alice.network.restore();
  await reads(alice, room, "one", "two", "three");
  // And once somebody is there, the lost one comes, too.
  await reads(bob, room, "one", "two", "three");
  expect(await problemsIn(bob, room)).toEqual([]);
});

test("[P9.17] the key of an epoch of which no message is left is destroyed, and given to no newcomer", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob]);
  const kept = await write(alice, room, "to be retained no longer");
  const first = await epochOf(world.server, room);
  // Somebody comes and goes, so that there is a second epoch, and a third.
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await stands(carol, room, "member");
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "stays");
  await reads(bob, room, "to be retained no longer", "stays");
  expect(await epochOf(world.server, room)).toBe(first + 1);
  const epochs = async (person: Person) => keptEpochs(person.store, await idOf(person), room);
  for (const person of [alice, bob]) expect(await epochs(person)).toEqual([first, first + 1]);
  await alice.client.deleteMessages(room, [kept.id]);
  await reads(bob, room, "-", "stays");
  for (const person of [alice, bob])
    await eventually("the safe is without it", async () => !(await epochs(person)).includes(first));
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await reads(carol, room, "-", "stays");
  // Hers from the time that she was in; it is as useless, and goes with the next look.
  for (const person of [alice, bob]) expect(await epochs(person)).toEqual([first + 1]);
  for (const person of [alice, bob, carol]) expect(await problemsIn(person, room)).toEqual([]);
});

test("[P9.17] a key whose messages the server's retention has erased is destroyed at the next start", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "long ago");
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "today");
  await reads(bob, room, "long ago", "today");
  const { db } = world.server.core;
  await db
    .updateTable("entries")
    .set((eb) => ({ kind: "erased", envelope: null, at_ms: eb("at_ms", "-", 3 * day) }))
    .where("kind", "=", "message")
    .where("seq", "=", 2)
    .execute();
  const epochs = async () => keptEpochs(bob.store, await idOf(bob), room);
  expect(await epochs()).toEqual([1, 2]);
  await bob.client.close();
  const again = await world.device("bob", { store: bob.store });
  const bobsId = await idOf(again);
  await eventually("the safe is without it", async () => (await keptEpochs(bob.store, bobsId, room)).join() === "2");
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await reads(phone, room, "-", "today");
  await reads(again, room, "long ago", "today");
  for (const device of [again, phone]) expect(await problemsIn(device, room)).toEqual([]);
});

test("two devices of one account, and two people, write at the same moment when a new key is due", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "before");
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  for (const person of [bob, phone]) await reads(person, room, "before");
  await carol.client.leaveRoom(room);
  await Promise.all(
    [alice, phone, bob].map((person) => write(person, room, `by ${person === phone ? "the phone" : person.name}`)),
  );
  for (const person of [alice, phone, bob]) {
    await person.until("has all", async () => (await person.all(room)).filter(({ kind }) => kind === "text").length === 4);
    expect(await problemsIn(person, room)).toEqual([]);
  }
  expect(await people(bob, room)).toEqual(["alice owner", "bob member"]);
  const orders = await Promise.all([alice, phone, bob].map(async (person) => (await person.allTexts(room)).join()));
  expect(new Set(orders).size).toBe(1);
});
