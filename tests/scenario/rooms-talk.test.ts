// What people do with messages in a room: name each other, correct, delete, pin, read, and keep their lists in order.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  eventually,
  idOf,
  introduce,
  makeRoom,
  messageIn,
  problemsIn,
  reads,
  refusal,
  roomOf,
  sees,
  stands,
  tells,
  viewOf,
  write,
} from "../support/rooms.ts";
import { type Person, password, World } from "./world.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

async function three(world: World): Promise<[alice: Person, bob: Person, carol: Person]> {
  const [alice, bob, carol] = [await world.person("alice"), await world.person("bob"), await world.person("carol")];
  await introduce(alice, bob, carol);
  return [alice, bob, carol];
}

test("[P9.16] who is named is told so, also in a muted room", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await bob.client.setMuted(room, true);
  await write(alice, room, "nobody in particular");
  await write(alice, room, "@bob please look", [await idOf(bob)]);
  const named = await messageIn(bob, room, ({ mentionsMe }) => mentionsMe);
  expect(named.text).toBe("@bob please look");
  expect(named.mentions).toMatchObject([{ nickname: "bob" }]);
  await bob.until("has a mention", async () => (await viewOf(bob, room)).mentioned);
  await reads(carol, room, "nobody in particular", "@bob please look");
  expect((await viewOf(carol, room)).mentioned).toBe(false);
  expect(bob.ring().map((event) => event.type === "ring" && event.message.text)).toEqual(["@bob please look"]);
  await bob.client.markRead(room, named.seq ?? 0);
  expect((await viewOf(bob, room)).mentioned).toBe(false);
});

test("[P9.16] @all counts for admins and owners only", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(bob, room, "@all hear me", ["all"]);
  await reads(carol, room, "@all hear me");
  expect((await viewOf(carol, room)).mentioned).toBe(false);
  expect((await messageIn(carol, room, ({ kind }) => kind === "text")).mentions).toEqual([]);
  await write(alice, room, "@all dinner", ["all"]);
  for (const person of [bob, carol]) {
    const called = await messageIn(person, room, ({ mentionsMe }) => mentionsMe);
    expect(called).toMatchObject({ text: "@all dinner", mentions: ["all"] });
    await person.until("has a mention", async () => (await viewOf(person, room)).mentioned);
  }
});

test("[P9.16] a text is changed by who wrote it, and by nobody else; the newest change counts", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  const { id } = await write(bob, room, "a tpyo");
  await reads(carol, room, "a tpyo");
  await bob.client.editText(room, id, "a typo");
  await bob.client.editText(room, id, "no typo");
  for (const person of [alice, bob, carol]) {
    await reads(person, room, "no typo");
    expect((await messageIn(person, room, (message) => message.id === id)).edited).toBe(true);
  }
  expect(await refusal(alice.client.editText(room, id, "mine now"))).toBe("not-yours");
  expect(await refusal(bob.client.editText(room, id, "  "))).toBe("empty-message");
  const phone = await world.device("carol");
  await phone.client.logIn({ email: carol.email, password });
  await reads(phone, room, "no typo");
  expect(await problemsIn(phone, room)).toEqual([]);
});

test("[P9.15] a moderator deletes what anybody wrote, a member only what is their own", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  const rude = await write(bob, room, "something rude");
  const fine = await write(carol, room, "something fine");
  await reads(carol, room, "something rude", "something fine");
  expect(await refusal(carol.client.deleteMessages(room, [rude.id]))).toBe("not-yours");
  await alice.client.deleteMessages(room, [rude.id]);
  for (const person of [alice, bob, carol]) {
    await reads(person, room, "-", "something fine");
    const gone = await messageIn(person, room, ({ id, deletedBy }) => id === rude.id && deletedBy !== null);
    expect(gone).toMatchObject({ deletedBy: { nickname: "alice" }, problem: null });
  }
  await carol.client.deleteMessages(room, [fine.id]);
  await reads(bob, room, "-", "-");
  const { db } = world.server.core;
  await eventually("the server has erased both", async () => {
    const erased = await db.selectFrom("entries").select("message_id").where("kind", "=", "erased").execute();
    return erased.length === 2;
  });
  await bob.client.deleteAllMyMessages(room);
  await write(bob, room, "polite");
  await reads(carol, room, "-", "-", "polite");
  for (const person of [alice, bob, carol]) expect(await problemsIn(person, room)).toEqual([]);
});

test("[P9.4] messages are pinned for everybody by who may, and stay pinned for who comes later", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob]);
  const one = await write(bob, room, "the rules");
  const two = await write(alice, room, "the dates");
  await reads(bob, room, "the rules", "the dates");
  expect(await refusal(bob.client.setPinned(room, one.id, true))).toBe("not-allowed");
  await alice.client.setPinned(room, two.id, true);
  await alice.client.setPinned(room, one.id, true);
  await sees(bob, room, ({ pinned }) => pinned.length === 2);
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await stands(carol, room, "member");
  await reads(carol, room, "the rules", "the dates");
  for (const person of [alice, bob, carol])
    expect((await person.client.pinnedMessages(room)).map(({ text }) => text)).toEqual(["the dates", "the rules"]);
  await alice.client.setPinned(room, two.id, false);
  await sees(carol, room, ({ pinned }) => pinned.join() === one.id);
  await tells(bob, room, "alice unpinned");
  await alice.client.updateRoomSettings(room, { pin: "member" });
  await sees(bob, room, ({ rights }) => rights.pin);
  await bob.client.setPinned(room, two.id, true);
  await sees(alice, room, ({ pinned }) => pinned.length === 2);
});

test("how many have read a message is counted, and it is read once everybody has", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  const { id, seq } = await write(alice, room, "who has read this?");
  await messageIn(bob, room, (message) => message.id === id);
  await bob.client.markRead(room, seq ?? 0);
  const mine = (readBy: number) => messageIn(alice, room, (message) => message.id === id && message.readBy === readBy);
  expect((await mine(1)).state).not.toBe("read");
  await messageIn(carol, room, (message) => message.id === id);
  await carol.client.markRead(room, seq ?? 0);
  expect((await mine(2)).state).toBe("read");
  await carol.client.setTyping(room, true);
  await alice.until("sees carol typing", async () => (await viewOf(alice, room)).typing.join() === "carol");
  await carol.client.setTyping(room, false);
  await alice.until("sees it end", async () => (await viewOf(alice, room)).typing.length === 0);
});

test("muted, archived and favourite are the same on all devices of an account, and on nobody else's", async () => {
  await using world = await World.start();
  const [alice, bob] = await three(world);
  const room = await makeRoom(alice, [bob]);
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await stands(phone, room, "member");
  await bob.client.setMuted(room, true);
  await phone.client.setFavourite(room, true);
  await bob.client.setArchived(room, true);
  for (const device of [bob, phone])
    await device.until("agrees", async () => {
      const { muted, archived, favourite } = await viewOf(device, room);
      return muted && archived && favourite;
    });
  expect(await viewOf(alice, room)).toMatchObject({ muted: false, archived: false, favourite: false });
  await phone.client.setArchived(room, false);
  await bob.until("is back in the list", async () => !(await viewOf(bob, room)).archived);
});

test("a room that one device left, or forgot, goes from the others, too", async () => {
  await using world = await World.start();
  const [alice, bob] = await three(world);
  const [one, two] = [await makeRoom(alice, [bob]), await makeRoom(alice, [bob], { name: "The other" })];
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  for (const room of [one, two]) await stands(phone, room, "member");
  const has = async (device: Person, room: typeof one) => (await device.client.conversations()).some(({ id }) => id === room);
  await bob.client.leaveRoom(one);
  await phone.until("has left, too", async () => !(await has(phone, one)));
  phone.network.cut();
  await alice.client.removeFromRoom(two, await idOf(bob));
  await stands(bob, two, "removed");
  await bob.client.forgetRoom(two);
  phone.network.restore();
  await phone.until("has forgotten it, too", async () => !(await has(phone, two)));
  expect(await refusal(bob.client.forgetRoom(two))).toBe("not-found");
  await alice.client.addToRoom(two, { account: await idOf(bob) });
  for (const device of [bob, phone]) await stands(device, two, "member");
});

test("rooms are drafts, searches and settings, too: what is no room's is refused in plain words", async () => {
  await using world = await World.start();
  const [alice, bob] = await three(world);
  const room = await makeRoom(alice, [bob], { name: "Found", join: "open", topic: "first" });
  await alice.client.setDraft(room, "half a sentence");
  expect((await viewOf(alice, room)).draft).toBe("half a sentence");
  await alice.client.updateRoomSettings(room, { description: "in clear", invite: "member", rename: "member" });
  await sees(bob, room, ({ description, rights }) => description === "in clear" && rights.invite && rights.rename);
  await bob.client.updateRoom(room, { topic: "second" });
  await sees(alice, room, ({ topic }) => topic === "second");
  await alice.client.updateRoomSettings(room, { join: "invitation" });
  await sees(bob, room, ({ join, handle }) => join === "invitation" && handle === null);
  expect(await bob.client.findRooms("clear")).toEqual([]);
  const { id: chat } = await alice.client.openDirect(await idOf(bob));
  expect(await refusal(alice.client.leaveRoom(chat))).toBe("not-found");
  expect(await refusal(alice.client.forgetRoom(room))).toBe("not-allowed");
  expect(await refusal(alice.client.createInvite(room, { expiresInMs: -1, uses: 1 }))).toBe("malformed-request");
  expect((await roomOf(alice, room)).memberCount).toBe(2);
});
