// A server that shows less of a room than there is, something older, or different pasts to different members.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Entry, RecordEntry } from "@cychat/protocol";
import {
  chainOf,
  followedBy,
  forged,
  freeze,
  has,
  hint,
  isRecord,
  keepFrom,
  othersGoOn,
  renumbered,
  type Scene,
  scene,
  showRoom,
  shows,
} from "../support/lying-rooms.ts";
import { type LiedTo, LyingServer, messageWith } from "../support/lying-server.ts";
import { until } from "../support/people.ts";
import { eventually, idOf, lookAt, people, problemsIn, reads, refusal, sees, stands, viewOf, write } from "../support/rooms.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

async function heals(person: LiedTo, room: Scene["room"]): Promise<void> {
  person.lies.stop();
  person.lies.reconnect();
  await until(person.client, async () => (await viewOf(person, room)).problem === null);
}

test("[P9.7] a removal that is withheld from one member is missed as soon as somebody writes", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const carols = await idOf(carol);
  // Bob is shown everything but the record of the removal, in numbers without a hole.
  showRoom(bob, room, (entries) => {
    const removal = entries.filter(isRecord).find(({ index }) => index === 1);
    return renumbered(entries.filter((entry) => entry !== removal));
  });
  await alice.client.removeFromRoom(room, carols);
  await write(alice, room, "carol is gone");
  const unread = await messageWith(bob, room, "unknown-epoch");
  expect(unread).toMatchObject({ kind: "unreadable", text: "" });
  expect(await people(bob, room)).toHaveLength(3);
  await othersGoOn(told);
  await heals(bob, room);
  await reads(bob, room, "hello", "carol is gone");
  expect(await people(bob, room)).toEqual(["alice owner", "bob member"]);
});

test("[P9.7] a removal that is withheld from all but the remover: what the others go on writing is named there", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  // The server lets the others go on as if nothing had happened: it keeps a room of theirs as it was.
  for (const person of [bob, carol]) await freeze(liar, person, room);
  const kept = keepFrom(bob, room);
  await alice.client.removeFromRoom(room, await idOf(carol));
  await bob.client.sendText(room, "still for three");
  await eventually("it is sealed", async () => kept.length > 0);
  // And shows the remover what was written under the old key, which the one who was removed has, too.
  showRoom(alice, room, (entries) => followedBy(entries, kept));
  hint(alice, room);
  const late = await messageWith(alice, room, "late-epoch");
  expect(late).toMatchObject({ kind: "unreadable", text: "" });
  await othersGoOn(told);
});

test("[P9.15] what a removed member writes with the old key, the server helping, is not shown", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const kept = keepFrom(carol, room);
  await carol.client.sendText(room, "kept for later");
  await eventually("it is sealed", async () => kept.length > 0);
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "without carol");
  await has(bob, room, "without carol");
  showRoom(bob, room, (entries) => followedBy(entries, kept));
  hint(bob, room);
  const late = await messageWith(bob, room, "late-epoch", "not-a-member");
  expect(late).toMatchObject({ kind: "unreadable", text: "" });
  await othersGoOn(told);
});

test("[P5.4] a change that is withheld is missed by what is written after it, and a changed order of records is named", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  showRoom(bob, room, (entries) => {
    const change = entries.filter(isRecord).find(({ index }) => index === 1);
    return renumbered(entries.filter((entry) => entry !== change));
  });
  await alice.client.setRole(room, await idOf(carol), "admin");
  await write(alice, room, "since then");
  expect(await messageWith(bob, room, "unknown-record")).toMatchObject({ kind: "unreadable", text: "" });
  expect(await people(bob, room)).toEqual(["alice owner", "bob member", "carol member"]);
  showRoom(carol, room, (entries) => {
    const [one, two] = entries.filter(isRecord).filter(({ index }) => index > 1);
    if (one === undefined || two === undefined) return entries.filter((entry) => entry !== one);
    return entries.map((entry) => (entry === one ? { ...two, seq: one.seq } : entry === two ? { ...one, seq: two.seq } : entry));
  });
  await alice.client.updateRoom(room, { topic: "first" });
  await alice.client.updateRoom(room, { topic: "second" });
  hint(carol, room);
  await shows(carol, room, "broken-chain");
  await othersGoOn(told);
  for (const person of [bob, carol]) {
    await heals(person, room);
    await reads(person, room, "hello", "since then");
    await sees(person, room, ({ topic }) => topic === "second");
    expect(await people(person, room)).toEqual(["alice owner", "carol admin", "bob member"]);
  }
});

test("[P4.6] records that are rolled back to an earlier epoch are named, and what is known stays in use", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "new key");
  await reads(bob, room, "hello", "new key");
  showRoom(bob, room, (entries) => entries.filter(({ seq }) => seq <= 2));
  bob.lies.reconnect();
  await write(alice, room, "newer");
  hint(bob, room);
  await shows(bob, room, "rollback");
  expect(await people(bob, room)).toEqual(["alice owner", "bob member"]);
  const phone = await liar.device("bob");
  showRoom(phone, room, (entries) => entries.filter(({ seq }) => seq <= 2));
  await phone.client.logIn({ email: bob.email, password: bob.password });
  await shows(phone, room, "rollback");
  await othersGoOn(told);
  for (const device of [bob, phone]) {
    await heals(device, room);
    await reads(device, room, "hello", "new key", "newer");
  }
});

test("[P4.6] two members who are shown different records: each fork is named where the two meet", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  await alice.client.setRole(room, await idOf(bob), "admin");
  await sees(bob, room, ({ myRole }) => myRole === "admin");
  // Bob's own record is accepted for him alone; the room that the others see gets another one in its place.
  await freeze(liar, bob, room);
  bob.lies.instead = ({ method, path }) => {
    if (method !== "POST" || path !== `/conversations/${room}/records`) return null;
    const answer = { seq: 4, index: 2, at_ms: Date.now(), status_code: 201, message: "Done." };
    return Response.json(answer, { status: 201 });
  };
  await bob.client.updateRoomSettings(room, { post: "admin" });
  await sees(bob, room, ({ settings }) => settings.post === "admin");
  await alice.client.updateRoomSettings(room, { pin: "member" });
  await write(alice, room, "on the other side");
  bob.lies.stop();
  bob.lies.reconnect();
  await shows(bob, room, "fork");
  await hasNot(bob, room, "on the other side");
  await reads(carol, room, "hello", "on the other side");
  expect(await problemsIn(carol, room)).toEqual([]);
  await othersGoOn(told);
});

test("[P5.5] history that begins later than one may read is named, on old and new devices, and read once it is shown", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  for (const text of ["one", "two", "three"]) await write(alice, room, text);
  await has(bob, room, "three");
  const phone = await liar.device("bob");
  const raised = (listed: Listing) => (listed.id === room ? { ...listed, room: { ...listed.room, first_seq: 4 } } : listed);
  for (const { lies } of [bob, phone]) {
    lies.answer = ({ path }, body: Partial<Listing> & { conversations?: Listing[] }) => {
      if (body.conversations !== undefined) return { ...body, conversations: body.conversations.map(raised) };
      return path === `/conversations/${room}` ? raised(body as Listing) : body;
    };
    lies.entries = (entries, id) => (id === room ? entries.filter(({ seq }) => seq >= 4) : entries);
  }
  await phone.client.logIn({ email: bob.email, password: bob.password });
  hint(bob, room);
  for (const device of [bob, phone]) await shows(device, room, "history-truncated");
  await reads(bob, room, "hello", "one", "two", "three");
  await othersGoOn(told);
  for (const device of [bob, phone]) {
    device.lies.stop();
    hint(device, room);
    await until(device.client, async () => (await viewOf(device, room)).problem === null);
    await reads(device, room, "hello", "one", "two", "three");
  }
});

test("[P6.4] older messages that the server holds back while one scrolls are missed, and read once it shows them", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const written = Array.from({ length: 120 }, (_, n) => `message ${n}`);
  for (const text of written) await alice.client.sendText(room, text);
  await has(bob, room, "message 119");
  const phone = await liar.device("bob");
  await phone.client.logIn({ email: bob.email, password: bob.password });
  await sees(phone, room, (_, { lastMessage }) => lastMessage?.text === "message 119");
  const lies = [(_: Entry[]) => [], (entries: Entry[]) => entries.slice(0, -1), (entries: Entry[]) => entries.slice(5)];
  for (const lie of lies) {
    phone.lies.answer = ({ path, query }, body: { entries: Entry[] }) =>
      path === `/conversations/${room}/entries` && query.has("before") ? { ...body, entries: lie(body.entries) } : body;
    await phone.client.history(room, { limit: 200 });
    await shows(phone, room, "history-truncated");
    await heals(phone, room);
  }
  await othersGoOn(told);
  await reads(phone, room, "hello", ...written);
});

test("[P9.4] another end of a membership than the one that was signed is not told", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const account = await idOf(bob);
  const { index } = await chainOf(alice, room);
  const { record } = await forged(room, { by: alice, changes: [{ kind: "remove", account, ban: true }] });
  bob.lies.answer = ({ path, query }, body: { records: RecordEntry[] }) => {
    const isAsked = path === `/conversations/${room}/records` && query.get("from") === String(index + 1);
    return isAsked ? { ...body, records: body.records.map((shown) => ({ ...shown, record })) } : body;
  };
  await alice.client.removeFromRoom(room, account);
  await shows(bob, room, "fork");
  expect((await viewOf(bob, room)).room?.standing).not.toBe("banned");
  await othersGoOn(told);
  await heals(bob, room);
  await stands(bob, room, "removed");
});

interface Listing {
  readonly id: string;
  readonly room: object;
}

test("[P6.5] messages of a room that are erased without a signed deletion are named", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  showRoom(bob, room, (entries) =>
    entries.map((entry): Entry => {
      if (entry.kind !== "message" || entry.seq !== 3) return entry;
      const { seq, at_ms, id, sender, device } = entry;
      return { kind: "erased", seq, at_ms, id, sender, device };
    }),
  );
  for (const text of ["one", "two"]) await write(alice, room, text);
  const gone = await messageWith(bob, room, "unexplained-erasure");
  expect(gone).toMatchObject({ kind: "deleted", text: "", deletedBy: null });
  await has(bob, room, "two");
  await othersGoOn(told);
});

test("[P9.14] an older profile, another room's, or one under another key is not taken for this room's", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar, { name: "First name" });
  const { alice, bob, room, other } = told;
  const boxOf = async (id: Scene["room"]) => {
    const rows = liar.server.core.db.selectFrom("room_profiles").selectAll().where("conversation", "=", id);
    const { epoch, ciphertext } = await rows.executeTakeFirstOrThrow();
    return { epoch, ciphertext: new Uint8Array(ciphertext).toBase64({ alphabet: "base64url", omitPadding: true }) };
  };
  const [old, foreign] = [await boxOf(room), await boxOf(other)];
  for (const [n, lie] of [old, foreign].entries()) {
    bob.lies.answer = ({ path }, body) => (path === `/conversations/${room}/profile` ? { profile: lie } : body);
    await alice.client.updateRoom(room, { name: `Name ${n}` });
    await shows(bob, room, "profile-mismatch");
    expect((await viewOf(bob, room)).title).not.toBe("Another room");
    await write(bob, room, `goes on ${n}`);
    await has(alice, room, `goes on ${n}`);
    // It is told as long as it lasts.
    hint(bob, room);
    await write(alice, room, `and on ${n}`);
    await has(bob, room, `and on ${n}`);
    await shows(bob, room, "profile-mismatch");
    await heals(bob, room);
    await sees(bob, room, (_room, { title }) => title === `Name ${n}`);
  }
  await othersGoOn(told);
});

test("a room that the server hides altogether stays, says so, and comes back", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const nothing = { status_code: 404, code: "not-found", message: "There is nothing here, or it is not yours." };
  bob.lies.instead = ({ path }) => (path.includes(room) ? Response.json(nothing, { status: 404 }) : null);
  bob.lies.answer = ({ path }, body: { conversations?: { id: string }[] }) =>
    path === "/conversations" ? { ...body, conversations: body.conversations?.filter(({ id }) => id !== room) } : body;
  bob.lies.frame = (frame) => (frame.conversation === room ? null : frame);
  hint(bob, room);
  await shows(bob, room, "membership-unproved");
  expect(await lookAt(bob, room)).toBeDefined();
  await reads(bob, room, "hello");
  await othersGoOn(told);
  await write(alice, room, "where is bob?");
  await heals(bob, room);
  await stands(bob, room, "member");
  await reads(bob, room, "hello", "where is bob?");
  await write(bob, room, "here");
  await has(alice, room, "here");
});

test("[P9.4] a membership that the server ends without a record is no end", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  bob.lies.answer = ({ path }, body: { state?: string; room?: object }) =>
    path === `/conversations/${room}` ? { ...body, state: "former", room: { ...body.room, until_seq: 2 } } : body;
  hint(bob, room);
  await shows(bob, room, "membership-unproved");
  expect(await people(alice, room)).toHaveLength(3);
  await othersGoOn(told);
  bob.lies.stop();
  hint(bob, room);
  await until(bob.client, async () => (await viewOf(bob, room)).problem === null);
  await stands(bob, room, "member");
  expect(await refusal(bob.client.forgetRoom(room))).toBe("not-allowed");
});

async function hasNot(person: LiedTo, room: Scene["room"], text: string): Promise<void> {
  const { messages } = await person.client.history(room);
  expect(messages.map((message) => message.text)).not.toContain(text);
}
