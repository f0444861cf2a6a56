// Coming into a room: by its name, by somebody's yes, by a link with nobody else there, and through a script.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  epochOf,
  idOf,
  introduce,
  lookAt,
  makeRoom,
  people,
  problemsIn,
  reads,
  refusal,
  roomOf,
  scriptOf,
  sees,
  stands,
  tells,
  viewOf,
  write,
} from "../support/rooms.ts";
import { password, World } from "./world.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

const open = { name: "Market", join: "open" } as const;
const hour = 3600_000;

test("[P9.9] an open room is found by its name, and one member online is enough to come in", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const room = await makeRoom(alice, [], { ...open, topic: "Fish and bread" });
  await write(alice, room, "good morning");
  const [found] = await bob.client.findRooms("bread");
  expect(found).toMatchObject({ handle: "Market", memberCount: 1, join: "open", isMember: false, isPending: false });
  await bob.client.joinRoom("market");
  await stands(bob, room, "member");
  await reads(bob, room, "good morning");
  await tells(alice, room, "alice joined bob (request)");
  await write(bob, room, "hello");
  await reads(alice, room, "good morning", "hello");
  expect((await bob.client.findRooms("market"))[0]).toMatchObject({ isMember: true, isPending: false });
  expect(await refusal(bob.client.joinRoom("No such place"))).toBe("room-unknown");
  for (const person of [alice, bob]) expect(await problemsIn(person, room)).toEqual([]);
});

test("[P9.9] with nobody online one waits, also over a restart, and is let in when somebody comes", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const room = await makeRoom(alice, [], open);
  await write(alice, room, "anybody there?");
  alice.network.cut();
  const pending = await bob.client.joinRoom("Market");
  expect(pending).toMatchObject({ state: "pending", title: "Market", room: { standing: "pending" } });
  expect(await refusal(bob.client.sendText(room, "too early"))).toBe("not-allowed");
  await bob.client.close();
  const again = await world.device("bob", { store: bob.store });
  expect((await roomOf(again, room)).standing).toBe("pending");
  alice.network.restore();
  await stands(again, room, "member");
  await write(again, room, "now there is");
  await reads(alice, room, "anybody there?", "now there is");
  await reads(again, room, "anybody there?", "now there is");
});

test("[P9.9] a member that does not answer is passed over", async () => {
  await using world = await World.start({ timings: { askTimeoutMs: 200 } });
  const [alice, bob, carol] = [await world.person("alice"), await world.person("bob"), await world.person("carol")];
  await introduce(alice, bob);
  const room = await makeRoom(alice, [bob], open);
  const asked: string[] = [];
  for (const person of [alice, bob]) {
    person.network.rewriteFrame = (frame) => {
      if (frame.type !== "ask") return frame;
      asked.push(person.name);
      // Whoever is asked first is deaf.
      return asked.length === 1 ? null : frame;
    };
  }
  await carol.client.joinRoom("Market");
  await stands(carol, room, "member");
  expect(new Set(asked.slice(0, 2)).size).toBe(2);
});

test("[P9.6] by approval: an admin sees who waits, lets one in and turns one down; one thinks better of it", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  await introduce(alice, bob);
  const room = await makeRoom(alice, [bob], { name: "Committee", join: "approval" });
  const [carol, dora, emil] = [await world.person("carol"), await world.person("dora"), await world.person("emil")];
  for (const person of [carol, dora, emil]) await person.client.joinRoom("Committee");
  await sees(alice, room, ({ joinRequests }) => joinRequests === 3);
  expect((await roomOf(bob, room)).joinRequests).toBe(0);
  const waiting = await alice.client.joinRequests(room);
  expect(waiting.map(({ person }) => person.nickname).toSorted()).toEqual(["carol", "dora", "emil"]);
  expect(await refusal(bob.client.answerJoinRequest(room, await idOf(carol), "admit"))).toBe("not-found");
  await emil.client.withdrawJoin(room);
  expect(await lookAt(emil, room)).toBeUndefined();
  await alice.client.answerJoinRequest(room, await idOf(dora), "decline");
  await dora.until("is told so", async () => (await lookAt(dora, room))?.problem?.code === "join-declined");
  await alice.client.answerJoinRequest(room, await idOf(carol), "admit");
  await stands(carol, room, "member");
  await sees(alice, room, ({ joinRequests }) => joinRequests === 0);
  expect(await people(bob, room)).toEqual(["alice owner", "bob member", "carol member"]);
  // Turned down is not banned.
  await dora.client.withdrawJoin(room);
  await dora.client.joinRoom("Committee");
  await sees(alice, room, ({ joinRequests }) => joinRequests === 1);
});

test("[P9.11] an invite link lets in with nobody else online, and shows the room before", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const room = await makeRoom(alice, [], { name: "Behind the link", topic: "Quiet" });
  await write(alice, room, "older");
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 2 });
  await write(alice, room, "newer");
  alice.network.cut();
  const preview = await bob.client.openInvite(link ?? "");
  expect(preview).toEqual({
    conversation: room,
    name: "Behind the link",
    topic: "Quiet",
    memberCount: 1,
    history: "shared",
    isMember: false,
  });
  await bob.client.joinByInvite(link ?? "");
  await reads(bob, room, "older", "newer");
  await write(bob, room, "I am in");
  expect((await viewOf(bob, room)).title).toBe("Behind the link");
  alice.network.restore();
  await reads(alice, room, "older", "newer", "I am in");
  await tells(alice, room, "bob joined bob (link)");
  expect((await alice.client.invites(room))[0]).toMatchObject({ link, usesLeft: 1 });
  expect((await bob.client.openInvite(link ?? "")).isMember).toBe(true);
  expect((await bob.client.joinByInvite(link ?? "")).id).toBe(room);
  for (const person of [alice, bob]) expect(await problemsIn(person, room)).toEqual([]);
});

test("[P9.11] who came in by a link and lost the answer reads with nobody else online, on any device", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const room = await makeRoom(alice, [], { name: "Behind the link" });
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 2 });
  await write(alice, room, "older");
  alice.network.cut();
  bob.network.rewriteAnswer = (path, body) =>
    path === `/conversations/${room}/records` && "seq" in (body as object) ? {} : body;
  expect(await refusal(bob.client.joinByInvite(link ?? ""))).not.toStartWith("not refused");
  bob.network.cut();
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await reads(phone, room, "older");
  await write(phone, room, "I am in");
  bob.network.restore();
  await reads(bob, room, "older", "I am in");
  for (const person of [phone, bob]) expect(await problemsIn(person, room)).toEqual([]);
});

test("[P9.11] a link that is used up, has expired or was ended opens nothing, and says so", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = [await world.person("alice"), await world.person("bob"), await world.person("carol")];
  const room = await makeRoom(alice);
  const once = await alice.client.createInvite(room, { expiresInMs: hour, uses: 1 });
  const ended = await alice.client.createInvite(room, { expiresInMs: hour, uses: 5 });
  const expired = await alice.client.createInvite(room, { expiresInMs: hour, uses: 5 });
  await bob.client.joinByInvite(once.link ?? "");
  await reads(bob, room);
  await alice.client.endInvite(room, ended.id);
  await world.server.core.db
    .updateTable("room_invites")
    .set({ expires_at_ms: Date.now() - 1 })
    .where("invite", "=", expired.id)
    .execute();
  for (const { link } of [once, ended, expired]) {
    expect(await refusal(carol.client.openInvite(link ?? ""))).toBe("invite-ended");
    expect(await refusal(carol.client.joinByInvite(link ?? ""))).toBe("invite-ended");
  }
  expect(await refusal(carol.client.openInvite("https://example.org/join#v1.nonsense"))).toBe("invite-malformed");
  const someLetterLess = (once.link ?? "").replace(/.$/, "");
  expect(await refusal(carol.client.openInvite(someLetterLess))).toBe("invite-malformed");
  expect(await lookAt(carol, room)).toBeUndefined();
  expect(await people(alice, room)).toEqual(["alice owner", "bob member"]);
});

test("[P9.8] a link that was used up, or whose time has passed, costs a new key before the next message", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const room = await makeRoom(alice);
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 1 });
  await bob.client.joinByInvite(link ?? "");
  const before = await epochOf(world.server, room);
  await write(bob, room, "the link cannot read this");
  expect(await epochOf(world.server, room)).toBe(before + 1);
  await reads(alice, room, "the link cannot read this");
});

test("[P9.11] two come in by the last use of one link at once: one is in, the other is told why not", async () => {
  await using world = await World.start();
  const [alice, bob, carol] = [await world.person("alice"), await world.person("bob"), await world.person("carol")];
  const room = await makeRoom(alice);
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 1 });
  const outcomes = await Promise.all([bob, carol].map(({ client }) => refusal(client.joinByInvite(link ?? ""))));
  expect(outcomes.filter((code) => code === "invite-ended")).toHaveLength(1);
  await alice.until("agrees", async () => (await roomOf(alice, room)).memberCount === 2);
  expect(await people(alice, room)).toHaveLength(2);
});

test("[P9.10] under joined history a guest by link reads nothing older, and is shown no fault", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const room = await makeRoom(alice, [], { name: "From now on", history: "joined" });
  await write(alice, room, "before");
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 2 });
  await bob.client.joinByInvite(link ?? "");
  await write(alice, room, "after");
  await reads(bob, room, "after");
  await sees(bob, room, (_room, { title }) => title === "From now on");
  expect(await problemsIn(bob, room)).toEqual([]);
});

test("a room that a script made waits for its owner's first client, and so does who wants in", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const [alices, bobs] = [scriptOf(world.server, alice), scriptOf(world.server, bob)];
  alice.network.cut();
  bob.network.cut();
  expect((await alices("POST", "/room", { join: 0, room_name: "Scripted", description: "By a bot" })).status).toBe(200);
  expect((await bobs("POST", "/room", { join: 1, room_name: "scripted" })).status).toBe(200);
  const listed = (await bobs("GET", "/rooms?search=scripted")).body.result as { id: unknown; pending: string }[];
  expect(listed).toMatchObject([{ id: null, pending: "unsigned" }]);
  alice.network.restore();
  const room = await alice.until("has opened it", async () => {
    return (await alice.client.conversations()).find(({ title }) => title === "Scripted")?.id;
  });
  bob.network.restore();
  await stands(bob, room, "member");
  await write(alice, room, "welcome");
  await reads(bob, room, "welcome");
  expect(await people(alice, room)).toEqual(["alice owner", "bob member"]);
});

test("two devices of the owner open a waiting room at once: there is one room", async () => {
  await using world = await World.start();
  const alice = await world.person("alice");
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  await phone.online();
  const script = scriptOf(world.server, alice);
  for (const device of [alice, phone]) device.network.cut();
  expect((await script("POST", "/room", { join: 0, room_name: "Only one", description: null })).status).toBe(200);
  for (const device of [alice, phone]) device.network.restore();
  const found = async (device: typeof alice) => (await device.client.conversations()).filter(({ title }) => title === "Only one");
  for (const device of [alice, phone]) await device.until("has it", async () => (await found(device)).length === 1);
  const [one, other] = [await found(alice), await found(phone)];
  expect(one.map(({ id }) => id)).toEqual(other.map(({ id }) => id));
  expect(await refusal(alice.client.createRoom({ name: "only ONE", join: "open", history: "shared" }))).toBe("room-exists");
});

test("two devices make a room of the same name at once: one makes it, the other is told so", async () => {
  await using world = await World.start();
  const alice = await world.person("alice");
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  await phone.online();
  const make = ({ client }: typeof alice) => refusal(client.createRoom({ name: "Twice", join: "open", history: "shared" }));
  const outcomes = await Promise.all([make(alice), make(phone)]);
  expect(outcomes.filter((code) => code === "room-exists")).toHaveLength(1);
  for (const device of [alice, phone])
    await device.until("has one", async () => {
      return (await device.client.conversations()).filter(({ title }) => title === "Twice").length === 1;
    });
  expect(await alice.client.findRooms("twice")).toHaveLength(1);
});
