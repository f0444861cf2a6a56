// Rooms: who is in, who may do what, and how people come to leave, through clients on a real server.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  epochOf,
  idOf,
  introduce,
  lines,
  lookAt,
  makeRoom,
  people,
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
import { type Person, World } from "./world.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

async function three(world: World): Promise<[alice: Person, bob: Person, carol: Person]> {
  const [alice, bob, carol] = [await world.person("alice"), await world.person("bob"), await world.person("carol")];
  await introduce(alice, bob, carol);
  return [alice, bob, carol];
}

test("[P9.1] a room is made with people in it, and everybody reads what everybody writes", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol], { name: "Orchard", topic: "Apples and pears" });
  await write(alice, room, "from alice");
  await reads(bob, room, "from alice");
  await write(bob, room, "from bob");
  await reads(carol, room, "from alice", "from bob");
  await write(carol, room, "from carol");
  for (const person of [alice, bob, carol]) {
    await reads(person, room, "from alice", "from bob", "from carol");
    expect(await people(person, room)).toEqual(["alice owner", "bob member", "carol member"]);
    expect((await viewOf(person, room)).title).toBe("Orchard");
    expect((await roomOf(person, room)).topic).toBe("Apples and pears");
    expect(await problemsIn(person, room)).toEqual([]);
    const told = await lines(person, room);
    expect(told[0]).toBe("alice created");
    expect(told.toSorted()).toEqual(["alice created", "alice joined bob (added)", "alice joined carol (added)"]);
  }
  expect((await viewOf(carol, room)).unread).toBe(2);
  expect([...alice.reported, ...bob.reported, ...carol.reported]).toEqual([]);
});

test("[P9.6] somebody is added by e-mail address, also one who is a stranger", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  await introduce(alice, bob);
  const dora = await world.person("dora");
  const room = await makeRoom(alice, [bob]);
  await write(alice, room, "before");
  await alice.client.addToRoom(room, { email: dora.email });
  await stands(dora, room, "member");
  expect((await viewOf(dora, room)).state).toBe("request");
  await reads(dora, room, "before");
  await dora.client.answerRequest(room, "accept");
  await dora.until("has accepted", async () => (await viewOf(dora, room)).state === "active");
  await write(dora, room, "thank you");
  await reads(bob, room, "before", "thank you");
  expect(await refusal(alice.client.addToRoom(room, { email: dora.email }))).toBe("room-joined");
  const emil = await world.person("emil");
  expect(await refusal(bob.client.addToRoom(room, { email: emil.email }))).toBe("not-allowed");
});

test("[P9.8] whoever leaves reads nothing that is written later: the next message opens a new epoch", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "for three");
  await reads(bob, room, "for three");
  const before = await epochOf(world.server, room);
  await bob.client.leaveRoom(room);
  expect(await lookAt(bob, room)).toBeUndefined();
  await tells(carol, room, "bob left");
  expect(await epochOf(world.server, room)).toBe(before);
  await write(carol, room, "for two");
  expect(await epochOf(world.server, room)).toBe(before + 1);
  await reads(alice, room, "for three", "for two");
  expect(await people(alice, room)).toEqual(["alice owner", "carol member"]);
  const seals = await world.server.core.db
    .selectFrom("seals")
    .select("epoch")
    .where("recipient", "=", await idOf(bob))
    .execute();
  expect(seals.filter(({ epoch }) => epoch > before)).toEqual([]);
});

test("[P9.7] who is removed sees it at once, keeps what was there, and may be added again", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol], { history: "joined" });
  await write(carol, room, "one");
  await reads(bob, room, "one");
  await alice.client.removeFromRoom(room, await idOf(bob));
  await stands(bob, room, "removed");
  expect(await refusal(bob.client.sendText(room, "am I still here?"))).toBe("not-allowed");
  await write(alice, room, "two");
  await reads(carol, room, "one", "two");
  await reads(bob, room, "one");
  await alice.client.addToRoom(room, { account: await idOf(bob) });
  await stands(bob, room, "member");
  await write(bob, room, "three");
  await reads(carol, room, "one", "two", "three");
  // What was said while he was away is not his to read, and no fault of anybody.
  await reads(bob, room, "one", "three");
  for (const person of [alice, bob, carol]) expect(await problemsIn(person, room)).toEqual([]);
});

test("[P9.4] who is banned comes in by no way, until the ban is lifted", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol], { name: "Square", join: "open" });
  const { link } = await alice.client.createInvite(room, { expiresInMs: 3600_000, uses: 5 });
  await alice.client.removeFromRoom(room, await idOf(bob), { ban: true });
  await stands(bob, room, "banned");
  await tells(carol, room, "alice banned bob");
  await bob.client.forgetRoom(room);
  expect(await refusal(bob.client.joinByInvite(link ?? ""))).toBe("banned");
  expect(["banned", "room-unknown"]).toContain(await refusal(bob.client.joinRoom("Square")));
  expect(await refusal(alice.client.addToRoom(room, { account: await idOf(bob) }))).toBe("banned");
  expect((await alice.client.roomPeople(room)).banned.map(({ nickname }) => nickname)).toEqual(["bob"]);
  await alice.client.unban(room, await idOf(bob));
  await bob.client.joinRoom("Square");
  await stands(bob, room, "member");
  await write(bob, room, "back again");
  await reads(carol, room, "back again");
});

test("[P9.4] who is removed while away reads later everything up to that, and sees what happened", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(alice, room, "seen");
  await reads(bob, room, "seen");
  bob.network.cut();
  await write(carol, room, "written while he was away");
  await alice.client.removeFromRoom(room, await idOf(bob));
  await write(alice, room, "not for him");
  bob.network.restore();
  await stands(bob, room, "removed");
  await reads(bob, room, "seen", "written while he was away");
  expect((await lines(bob, room)).at(-1)).toBe("alice removed bob");
  expect(await problemsIn(bob, room)).toEqual([]);
  await bob.client.forgetRoom(room);
  expect(await lookAt(bob, room)).toBeUndefined();
});

test("[P9.5] when the last owner leaves, the longest-standing member of the highest role is the owner", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob]);
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await stands(carol, room, "member");
  await alice.client.setRole(room, await idOf(carol), "admin");
  await sees(carol, room, ({ myRole }) => myRole === "admin");
  await alice.client.leaveRoom(room);
  await sees(carol, room, ({ myRole }) => myRole === "owner");
  await tells(bob, room, "alice made owner (succeeds) carol");
  expect(await people(bob, room)).toEqual(["carol owner", "bob member"]);
  await carol.client.leaveRoom(room);
  await sees(bob, room, ({ myRole }) => myRole === "owner");
  await bob.client.leaveRoom(room);
  expect(await lookAt(bob, room)).toBeUndefined();
});

test("[P9.6] roles: a member may not, an admin may, and the owner hands over", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  const [a, b, c] = [await idOf(alice), await idOf(bob), await idOf(carol)];
  const refused = [
    () => bob.client.removeFromRoom(room, c),
    () => bob.client.setRole(room, b, "admin"),
    () => bob.client.updateRoom(room, { name: "Mine" }),
    () => bob.client.updateRoomSettings(room, { post: "admin" }),
    () => bob.client.createInvite(room, { expiresInMs: 3600_000, uses: 1 }),
    () => bob.client.deleteRoom(room),
  ];
  for (const attempt of refused) expect(await refusal(attempt())).toBe("not-allowed");
  expect((await roomOf(bob, room)).rights).toMatchObject({ post: true, invite: false, rename: false, moderate: false });
  await alice.client.setRole(room, b, "admin");
  await sees(bob, room, ({ myRole }) => myRole === "admin");
  await bob.client.updateRoom(room, { name: "Ours" });
  expect(await refusal(bob.client.removeFromRoom(room, a))).toBe("not-allowed");
  await alice.client.handOver(room, c);
  await sees(carol, room, ({ myRole, rights }) => myRole === "owner" && rights.delete);
  await sees(alice, room, ({ myRole }) => myRole === "admin");
  await carol.client.setRole(room, a, "member");
  await sees(alice, room, ({ myRole }) => myRole === "member");
  expect(await people(bob, room)).toEqual(["carol owner", "bob admin", "alice member"]);
  expect((await viewOf(alice, room)).title).toBe("Ours");
  for (const person of [alice, bob, carol]) expect(await problemsIn(person, room)).toEqual([]);
});

test("[P9.15] where only admins write, a member cannot, neither by screen nor by what was waiting", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  await write(bob, room, "still allowed");
  bob.network.cut();
  const waiting = await bob.client.sendText(room, "too late");
  await alice.client.updateRoomSettings(room, { post: "admin" });
  bob.network.restore();
  await sees(bob, room, ({ rights }) => !rights.post);
  expect(await refusal(bob.client.sendText(room, "again"))).toBe("not-allowed");
  await bob.until("is told that it was not sent", async () =>
    (await bob.all(room)).some(({ id, state }) => id === waiting.id && state === "failed"),
  );
  await write(alice, room, "an announcement");
  await reads(carol, room, "still allowed", "an announcement");
});

test("[P9.14] name, topic and picture change for everybody, and for who comes later", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob], { name: "Old name" });
  const bytes = Uint8Array.fromBase64(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  );
  await alice.client.updateRoom(room, { name: "New name", topic: "What it is about", picture: { bytes, type: "image/png" } });
  await sees(bob, room, ({ topic, picture }, { title }) => title === "New name" && topic !== "" && picture !== null);
  await alice.client.addToRoom(room, { account: await idOf(carol) });
  await sees(carol, room, ({ topic }, { title }) => title === "New name" && topic === "What it is about");
  for (const person of [bob, carol]) expect((await person.client.roomPicture(room))?.bytes).toEqual(bytes);
  await alice.client.updateRoom(room, { picture: null });
  await sees(carol, room, ({ picture }) => picture === null);
  expect(await tells(bob, room, "alice renamed")).toBe("alice renamed");
  expect(await refusal(alice.client.updateRoom(room, { name: " " }))).toBe("malformed-content");
});

test("a deleted room is over for everybody, and its name is free again", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol], { name: "Short-lived", join: "open" });
  await write(bob, room, "soon gone");
  await alice.client.deleteRoom(room);
  expect(await lookAt(alice, room)).toBeUndefined();
  for (const person of [bob, carol]) {
    await stands(person, room, "deleted");
    expect(await refusal(person.client.sendText(room, "hello?"))).toBe("not-allowed");
    await person.client.forgetRoom(room);
    expect(await lookAt(person, room)).toBeUndefined();
  }
  const { db } = world.server.core;
  const left = await db.selectFrom("entries").select("envelope").where("conversation", "=", room).execute();
  expect(left.every(({ envelope }) => envelope === null)).toBe(true);
  expect(await db.selectFrom("keyrings").select("account").where("conversation", "=", room).execute()).toEqual([]);
  await makeRoom(carol, [], { name: "Short-lived", join: "open" });
});

test("[P4.4] two admins act at once: one record is first, the other is made again on top of it", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const dora = await world.person("dora");
  const room = await makeRoom(alice, [bob, carol]);
  await alice.client.addContact({ email: dora.email });
  const [b, d] = [await idOf(bob), await idOf(dora)];
  await alice.client.setRole(room, b, "admin");
  await sees(bob, room, ({ myRole }) => myRole === "admin");
  await Promise.all([
    alice.client.addToRoom(room, { account: d }),
    bob.client.updateRoom(room, { name: "By bob" }),
    bob.client.removeFromRoom(room, await idOf(carol)),
    alice.client.updateRoom(room, { topic: "By alice" }),
  ]);
  for (const person of [alice, bob, dora]) {
    await person.until(
      "agrees",
      async () => (await people(person, room)).length === 3 && (await lookAt(person, room)) !== undefined,
    );
    expect(await people(person, room)).toEqual(["alice owner", "bob admin", "dora member"]);
  }
  await stands(carol, room, "removed");
  await write(dora, room, "all agree");
  for (const person of [alice, bob]) {
    await reads(person, room, "all agree");
    expect(await problemsIn(person, room)).toEqual([]);
  }
});

test("[P9.6] two admins remove each other at once: one of them is out, and the other is not", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = await three(world);
  const room = await makeRoom(alice, [bob, carol]);
  const [a, b] = [await idOf(alice), await idOf(bob)];
  await alice.client.setRole(room, b, "owner");
  await sees(bob, room, ({ myRole }) => myRole === "owner");
  const outcomes = await Promise.all([
    refusal(alice.client.removeFromRoom(room, b)),
    refusal(bob.client.removeFromRoom(room, a)),
  ]);
  expect(outcomes.filter((code) => code.startsWith("not refused"))).toHaveLength(1);
  const [winner, loser] = outcomes[0]?.startsWith("not refused") ? [alice, bob] : [bob, alice];
  await stands(loser, room, "removed");
  await write(winner, room, "between two");
  await reads(carol, room, "between two");
  expect(await problemsIn(carol, room)).toEqual([]);
});
