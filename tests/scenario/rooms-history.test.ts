// What newcomers, new devices and those who were away can read of a room.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { ConversationId } from "@cychat/protocol";
import {
  epochOf,
  idOf,
  introduce,
  lines,
  makeRoom,
  people,
  problemsIn,
  reads,
  sees,
  stands,
  tells,
  viewOf,
  write,
} from "../support/rooms.ts";
import { password, World } from "./world.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

async function some(world: World, ...names: readonly string[]) {
  const people = [];
  for (const name of names) people.push(await world.person(name));
  await introduce(...people);
  return people as [Someone, Someone, Someone];
}
/** The message with this text, for everybody. */
async function deletes({ client }: Someone, room: ConversationId, text: string): Promise<void> {
  const found = (await client.history(room)).messages.find((message) => message.text === text);
  if (found === undefined) throw new Error("It is not there.");
  await client.deleteMessages(room, [found.id]);
}

type Someone = Awaited<ReturnType<World["person"]>>;

test("[P9.10] shared: a newcomer reads everything, over several keys, and nothing is shown as wrong", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const dora = await world.person("dora");
  await introduce(alice, dora);
  const room = await makeRoom(alice, [bob, carol], { history: "shared" });
  await write(alice, room, "first key");
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(bob, room, "second key");
  await alice.client.addToRoom(room, { account: await idOf(dora) });
  await reads(dora, room, "first key", "second key");
  await write(dora, room, "hello all");
  await reads(bob, room, "first key", "second key", "hello all");
  for (const person of [alice, bob, dora]) expect(await problemsIn(person, room)).toEqual([]);
  // Names of those who are gone are asked for, and come a little later.
  await tells(dora, room, "alice removed carol");
  expect((await lines(dora, room)).toSorted()).toEqual((await lines(alice, room)).toSorted());
});

test("[P9.10] joined: a newcomer reads nothing older, and is shown no error for it", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob], { history: "joined" });
  await write(alice, room, "not for carol");
  const before = await epochOf(world.server, room);
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  expect(await epochOf(world.server, room)).toBe(before + 1);
  await stands(carol, room, "member");
  await write(bob, room, "for all");
  await reads(carol, room, "for all");
  await reads(bob, room, "not for carol", "for all");
  expect(await problemsIn(carol, room)).toEqual([]);
  expect((await viewOf(carol, room)).unread).toBe(1);
});

test("[P9.12] the history policy changes in the middle: newcomers get the unbroken shared run before them alone", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const dora = await world.person("dora");
  await introduce(alice, dora);
  const room = await makeRoom(alice, [bob], { history: "shared" });
  await write(alice, room, "shared at first");
  await alice.client.updateRoomSettings(room, { history: "joined" });
  await tells(bob, room, "alice history joined");
  await write(alice, room, "for those who are here");
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await stands(carol, room, "member");
  await write(bob, room, "carol reads this");
  await alice.client.updateRoomSettings(room, { history: "shared" });
  await write(alice, room, "shared again");
  await alice.client.addToRoom(room, { account: await idOf(dora) });
  await write(bob, room, "all read this");
  await reads(carol, room, "carol reads this", "shared again", "all read this");
  await reads(dora, room, "shared again", "all read this");
  await reads(bob, room, "shared at first", "for those who are here", "carol reads this", "shared again", "all read this");
  for (const person of [alice, bob, carol, dora]) expect(await problemsIn(person, room)).toEqual([]);
  await tells(dora, room, "alice joined dora (added)");
});

test("[P4.9] a new device of a member reads all that the account may read, and goes on writing", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob], { history: "joined", name: "On both" });
  await write(alice, room, "one");
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await write(bob, room, "two");
  const phone = await world.device("carol");
  await phone.client.logIn({ email: carol.email, password });
  const laptop = await world.device("bob");
  await laptop.client.logIn({ email: bob.email, password });
  await reads(phone, room, "two");
  await reads(laptop, room, "one", "two");
  await write(phone, room, "from the phone");
  await reads(alice, room, "one", "two", "from the phone");
  await reads(carol, room, "two", "from the phone");
  for (const device of [phone, laptop]) {
    expect((await viewOf(device, room)).title).toBe("On both");
    expect(await problemsIn(device, room)).toEqual([]);
  }
});

test("[P4.9] a device is lost: the account goes on with another one, and the lost one is out", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob, carol]);
  await write(bob, room, "before");
  bob.network.cut();
  await write(alice, room, "while it was lost");
  // Nothing is left of the first one, not even unread letters: they wait on the server.
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await phone.client.revokeOtherSessions();
  await reads(phone, room, "before", "while it was lost");
  bob.network.restore();
  await bob.until("is signed out", async () => (await bob.client.session()).status === "signed-out");
  await write(phone, room, "from the new phone");
  for (const person of [alice, carol]) await reads(person, room, "before", "while it was lost", "from the new phone");
  for (const person of [alice, carol, phone]) expect(await problemsIn(person, room)).toEqual([]);
});

test("who was away reads everything in order, exactly once, over records, roles and keys that came meanwhile", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const dora = await world.person("dora");
  await introduce(alice, dora);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "zero");
  await reads(bob, room, "zero");
  bob.network.cut();
  await bob.client.sendText(room, "written offline");
  await alice.client.addToRoom(room, { account: await idOf(dora) });
  await stands(dora, room, "member");
  await write(dora, room, "one");
  await alice.client.setRole(room, await idOf(carol), "admin");
  await sees(carol, room, ({ myRole }) => myRole === "admin");
  await carol.client.removeFromRoom(room, await idOf(dora));
  await write(carol, room, "two");
  await alice.client.updateRoom(room, { name: "Renamed meanwhile" });
  bob.network.restore();
  await reads(bob, room, "zero", "one", "two", "written offline");
  await reads(alice, room, "zero", "one", "two", "written offline");
  expect(await people(bob, room)).toEqual(["alice owner", "carol admin", "bob member"]);
  expect((await viewOf(bob, room)).title).toBe("Renamed meanwhile");
  expect(new Set(bob.told).size).toBe(bob.told.length);
  expect(await problemsIn(bob, room)).toEqual([]);
});

test("a device that comes to a long room begins with the newest page, and reads on when it scrolls", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob]);
  const written = Array.from({ length: 70 }, (_, n) => `message ${n}`);
  for (const text of written) await alice.client.sendText(room, text);
  await reads(bob, room, ...written);
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await stands(carol, room, "member");
  await reads(carol, room, ...written);
  const page = await carol.client.history(room, { limit: 20 });
  expect(page.messages.filter(({ kind }) => kind === "text").at(-1)?.text).toBe("message 69");
  expect(await problemsIn(carol, room)).toEqual([]);
});

test("[P9.12] who comes in again under shared history reads what was said meanwhile, under joined history does not", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  for (const history of ["shared", "joined"] as const) {
    const room = await makeRoom(alice, [bob, carol], { history });
    await write(alice, room, "with carol");
    await reads(carol, room, "with carol");
    await alice.client.removeFromRoom(room, await idOf(carol));
    await write(bob, room, "without carol");
    await alice.client.addToRoom(room, { account: await idOf(carol) });
    await write(bob, room, "with carol again");
    const meanwhile = history === "shared" ? ["without carol"] : [];
    await reads(carol, room, "with carol", ...meanwhile, "with carol again");
    const phone = await world.device("carol");
    await phone.client.logIn({ email: carol.email, password });
    await reads(phone, room, "with carol", ...meanwhile, "with carol again");
    for (const device of [carol, phone]) expect(await problemsIn(device, room)).toEqual([]);
  }
});

test("[P9.12] who was away from the removal to the return reads what was said between, and what was deleted", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob, carol], { history: "shared" });
  await write(alice, room, "with carol");
  await write(alice, room, "to be deleted");
  await reads(carol, room, "with carol", "to be deleted");
  await carol.client.close();
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(bob, room, "without carol");
  await deletes(alice, room, "to be deleted");
  await reads(bob, room, "with carol", "-", "without carol");
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await write(bob, room, "with carol again");
  const again = await world.device("carol", { store: carol.store });
  await reads(again, room, "with carol", "-", "without carol", "with carol again");
  expect(await problemsIn(again, room)).toEqual([]);
});

test("[P9.12] who was away from a removal over a short return to the next removal reads up to that one", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob, carol], { history: "shared" });
  await write(alice, room, "with carol");
  await reads(carol, room, "with carol");
  const carolsId = await idOf(carol);
  await carol.client.close();
  await alice.client.removeFromRoom(room, carolsId);
  await write(bob, room, "without carol");
  await alice.client.addToRoom(room, { account: carolsId });
  await alice.client.removeFromRoom(room, carolsId);
  await write(bob, room, "never hers");
  const again = await world.device("carol", { store: carol.store });
  await reads(again, room, "with carol", "without carol");
  expect(await problemsIn(again, room)).toEqual([]);
});

test("[P6.5] what a moderator deletes after one was removed is no alarm for a device that reads it only then", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob, carol]);
  await write(carol, room, "stays");
  await write(carol, room, "goes");
  await reads(alice, room, "stays", "goes");
  await alice.client.removeFromRoom(room, await idOf(carol));
  await deletes(alice, room, "goes");
  await reads(bob, room, "stays", "-");
  const phone = await world.device("carol");
  await phone.client.logIn({ email: carol.email, password });
  await reads(phone, room, "stays", "-");
  expect(await problemsIn(phone, room)).toEqual([]);
});

test("[P9.12] what was said and deleted while one was out under joined history leaves no trace", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await some(world, "alice", "bob", "carol");
  const room = await makeRoom(alice, [bob, carol], { history: "joined" });
  await write(alice, room, "with carol");
  await reads(carol, room, "with carol");
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "without carol");
  await deletes(alice, room, "without carol");
  await reads(bob, room, "with carol", "-");
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await write(bob, room, "with carol again");
  await reads(carol, room, "with carol", "with carol again");
  expect(await problemsIn(carol, room)).toEqual([]);
});
