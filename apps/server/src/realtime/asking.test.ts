import { expect, test } from "bun:test";
import { endpoints, signedToJson } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { type People, startWithPeople } from "../testing/test-people.ts";
import { createRoom, letterTo, openSettings, type TestRoom } from "../testing/test-room.ts";
import { startTestServer } from "../testing/test-server.ts";
import type { AnyFrame, TestSocket } from "../testing/test-socket.ts";

/** Nobody's time runs out unless a test says so. */
const patient = { askTimeoutMs: 3_600_000, askAgainMs: 3_600_000 };
const hasty = { askTimeoutMs: 20, askAgainMs: 3_600_000 };

async function roomOf(people: People, settings = openSettings) {
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, {
    settings,
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  for (const account of [bob, carol]) await answer(account, room, "accept");
  return room;
}

const answer = (account: TestAccount, room: TestRoom, action: "accept" | "ignore") =>
  account.call(endpoints.answerRequest, { params: { conversation: room.id }, body: { action } });

const asks = (socket: TestSocket) => socket.all.filter(({ type }) => type === "ask");

/** The first frame that any of them is asked with; what the others get later is left to be taken. */
async function firstAsked(sockets: readonly TestSocket[], fits: (frame: AnyFrame) => boolean = () => true): Promise<AnyFrame> {
  let isTaken = false;
  const take = (frame: AnyFrame) => {
    const isFirst = !isTaken && fits(frame);
    isTaken ||= isFirst;
    return isFirst;
  };
  return Promise.any(sockets.map((socket) => socket.next("ask", take)));
}

const withdraw = (account: TestAccount, room: TestRoom) => account.call(endpoints.withdrawJoin, { params: { id: room.id } });

test("[P9.9] of the members online one is asked, on one connection, and the others are left alone while it has time", async () => {
  const { server, people } = await startWithPeople({ timings: patient });
  await using _ = server;
  const { alice, bob, dave } = people;
  const room = await roomOf(people);
  const sockets = await Promise.all([alice, alice, bob, bob].map((account) => account.connect()));
  const request = await room.ask(dave);
  const frame = await firstAsked(sockets);
  expect(frame).toEqual({
    type: "ask",
    conversation: room.id,
    kind: "admit",
    account: dave.id,
    request: signedToJson(request),
  });
  await Promise.all(sockets.map((socket) => socket.settled()));
  expect(sockets.reduce((sum, socket) => sum + asks(socket).length, 0)).toBe(1);
});

test("[P9.9] who does not answer in time is passed over: in the end everybody online has been asked once", async () => {
  const { server, people } = await startWithPeople({ timings: hasty });
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await roomOf(people);
  const sockets = await Promise.all([alice, bob, carol].map((account) => account.connect()));
  await room.ask(dave);
  for (const socket of sockets) expect((await socket.next("ask")).account).toBe(dave.id);
  await Promise.all(sockets.map((socket) => socket.settled()));
  expect(sockets.map((socket) => asks(socket).length)).toEqual([1, 1, 1]);
});

test("when all were asked in vain, they are asked again later", async () => {
  const { server, people } = await startWithPeople({ timings: { askTimeoutMs: 10, askAgainMs: 20 } });
  await using _ = server;
  const room = await roomOf(people);
  using socket = await people.bob.connect();
  await room.ask(people.dave);
  for (let round = 0; round < 3; round++) await socket.next("ask");
});

test("[P9.9] once the request is gone nobody is asked any more: admitted, withdrawn, declined, or the room closed", async () => {
  const { server, people } = await startWithPeople({ timings: { ...hasty, askTimeoutMs: 60 } });
  await using _ = server;
  const { alice, bob, carol, dave, erin } = people;
  const room = await roomOf(people);
  const sockets = await Promise.all([alice, bob, carol].map((account) => account.connect()));
  const endings: (() => Promise<unknown>)[] = [
    () => withdraw(dave, room),
    () => alice.call(endpoints.declineJoin, { params: { id: room.id, account: dave.id } }),
    () => room.add(bob, { kind: "leave" }).then(() => room.add(alice, room.admitting(dave))),
  ];
  for (const end of endings) {
    await room.ask(dave);
    await firstAsked(sockets, ({ account }) => account === dave.id);
    await end();
    // The next request is looked at after the end of this one; by the time it has been passed on, this one would have been.
    await room.ask(erin);
    await firstAsked(sockets, ({ account }) => account === erin.id);
    const forDave = () => sockets.flatMap(asks).filter(({ account }) => account === dave.id).length;
    const before = forDave();
    await firstAsked(sockets, ({ account }) => account === erin.id);
    await withdraw(erin, room);
    expect(forDave()).toBe(before);
  }
});

test("[P9.9] in a room with approval nobody is asked: its admins decide by hand", async () => {
  const { server, people } = await startWithPeople({ timings: hasty });
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await roomOf(people, { ...openSettings, join: "approval" });
  const sockets = await Promise.all([alice, bob, carol].map((account) => account.connect()));
  await room.ask(dave);
  expect((await (sockets[0] as TestSocket).next("changed")).what).toBe("joins");
  // What is asked for in the same room does reach them.
  await carol.call(endpoints.requestSeals, { params: { id: room.id }, body: { request: signedToJson(room.sealRequest(carol)) } });
  await Promise.all(sockets.slice(0, 2).map((socket) => socket.next("ask", ({ kind }) => kind === "seals")));
  expect(sockets.flatMap(asks).filter(({ kind }) => kind === "admit")).toEqual([]);
  // Now it is open, and the waiting one is let in as everybody is.
  await room.add(alice, { kind: "settings", settings: openSettings });
  await firstAsked(sockets);
});

test("[P9.13] lost keys are asked of everybody but who lost them, until a letter is there", async () => {
  const { server, people } = await startWithPeople({ timings: { ...hasty, askTimeoutMs: 60 } });
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await roomOf(people);
  const [own, first, second] = await Promise.all([carol, alice, bob].map((account) => account.connect()));
  if (!own || !first || !second) throw new Error("three sockets");
  const request = room.sealRequest(carol);
  const ask = () => carol.call(endpoints.requestSeals, { params: { id: room.id }, body: { request: signedToJson(request) } });
  await ask();
  const frame = await firstAsked([first, second]);
  expect(frame).toMatchObject({ kind: "seals", account: carol.id, request: signedToJson(request) });
  const body = { ...letterTo(carol.id), recipient: carol.id, record_index: 0 };
  await alice.call(endpoints.putLetter, { params: { id: room.id }, body });
  expect((await own.next("changed", ({ what }) => what === "seals")).conversation).toBe(room.id);
  await room.ask(people.dave);
  const isForDave = ({ kind }: AnyFrame) => kind === "admit";
  await firstAsked([first, second], isForDave);
  const forKeys = () => [first, second].flatMap(asks).filter(({ kind }) => kind === "seals").length;
  const before = forKeys();
  await firstAsked([first, second], isForDave);
  expect(forKeys()).toBe(before);
  expect(asks(own).filter(({ kind }) => kind === "seals")).toEqual([]);
});

test("whoever comes online is asked for what waits, also after the server has started again", async () => {
  const { server, people } = await startWithPeople({ timings: patient });
  const { alice, bob, dave } = people;
  const room = await roomOf(people);
  await room.ask(dave);
  {
    using socket = await bob.connect();
    expect((await socket.next("ask")).account).toBe(dave.id);
  }
  await server.stop();
  {
    await using again = await startTestServer({ folder: server.folder, timings: patient });
    const later = Object.assign(Object.create(alice) as TestAccount, { server: again });
    using socket = await later.connect();
    expect((await socket.next("ask")).account).toBe(dave.id);
  }
  await server[Symbol.asyncDispose]();
});

test("a connection without a device is not asked, until it has one", async () => {
  const { server, people } = await startWithPeople({ timings: patient });
  await using _ = server;
  const { bob, dave } = people;
  // Before its session is first used, and so kept in memory.
  await server.core.db.updateTable("sessions").set({ device: null }).where("account", "=", bob.id).execute();
  const room = await roomOf(people);
  using socket = await bob.connect();
  await room.ask(dave);
  await socket.settled();
  expect(asks(socket)).toEqual([]);
  await bob.call(endpoints.bindDevice, { body: { device: bob.device } });
  expect((await socket.next("ask")).account).toBe(dave.id);
});

test("former members and those who set the room aside are not asked", async () => {
  const { server, people } = await startWithPeople({ timings: hasty });
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, {
    settings: openSettings,
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  await answer(bob, room, "accept");
  await room.add(bob, { kind: "leave" });
  await answer(carol, room, "ignore");
  const [former, aside] = await Promise.all([bob.connect(), carol.connect()]);
  await room.ask(dave);
  using socket = await alice.connect();
  await socket.next("ask");
  await Promise.all([former.settled(), aside.settled()]);
  expect([former, aside].flatMap(asks)).toEqual([]);
});

test("who was put into the room by strangers is not asked before having taken it on, and then at once", async () => {
  const { server, people } = await startWithPeople({ timings: patient });
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, { settings: openSettings, others: [[bob, "member"]] });
  using socket = await bob.connect();
  const sealRequest = { request: signedToJson(room.sealRequest(alice)) };
  await alice.call(endpoints.requestSeals, { params: { id: room.id }, body: sealRequest });
  await room.ask(dave);
  await room.ask(carol);
  await socket.settled();
  expect(asks(socket)).toEqual([]);
  await answer(bob, room, "accept");
  for (const account of [alice, carol, dave]) await socket.next("ask", (frame) => frame.account === account.id);
});

test("[P9.13] lost keys that are asked for again are asked of the next member, and of all in turn", async () => {
  const { server, people } = await startWithPeople({ timings: patient });
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await roomOf(people);
  await room.add(alice, room.adding(dave));
  const others = [alice, bob, carol];
  const sockets = await Promise.all(others.map((account) => account.connect()));
  const params = { id: room.id };
  const asked: string[] = [];
  for (let round = 0; round < 4; round++) {
    const before = sockets.map((socket) => asks(socket).length);
    await dave.call(endpoints.requestSeals, { params, body: { request: signedToJson(room.sealRequest(dave)) } });
    await firstAsked(sockets);
    const at = sockets.findIndex((socket, index) => asks(socket).length > (before[index] ?? 0));
    const author = others[at] as TestAccount;
    asked.push(author.name);
    // Garbage, so that the keys are asked for again.
    await author.call(endpoints.putLetter, { params, body: { ...letterTo(dave.id), recipient: dave.id, record_index: 0 } });
  }
  expect(asked.slice(0, 3).sort()).toEqual(["alice", "bob", "carol"]);
  expect(asked[3]).toBe([...others].sort((a, b) => (a.id < b.id ? -1 : 1))[0]?.name as string);
});
