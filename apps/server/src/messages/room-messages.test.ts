import { expect, test } from "bun:test";
import { endpoints, type RoomChange } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf, type TestEnvelope } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { closedSettings, createRoom, type TestRoom } from "../testing/test-room.ts";

async function send(room: TestRoom, sender: TestAccount, envelope: TestEnvelope = envelopeOf(room, sender)): Promise<string> {
  const body = { room: room.id, content: envelope.text };
  const answer = await sender.attempt(endpoints.seedRoomMessage, { body });
  return answer.status === 201 ? "stored" : answer.body.code;
}

test("[P9.15] where only admins and owners post, members do not; a repetition from before is still answered", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "admin"],
      [carol, "member"],
    ],
  });
  const before = envelopeOf(room, carol);
  expect(await send(room, carol, before)).toBe("stored");
  await room.add(alice, { kind: "settings", settings: { ...closedSettings, post: "admin" } }, room.renew());
  expect(await Promise.all([alice, bob, carol].map((account) => send(room, account)))).toEqual([
    "stored",
    "stored",
    "not-allowed",
  ]);
  expect(await send(room, carol, before)).toBe("stored");
  await room.add(alice, { kind: "role", account: carol.id, role: "admin" });
  expect(await send(room, carol)).toBe("stored");
  await room.add(alice, { kind: "role", account: carol.id, role: "member" }, room.renew());
  expect(await send(room, carol)).toBe("not-allowed");
  using socket = await carol.connect();
  socket.send({ type: "send", conversation: room.id, envelope: envelopeOf(room, carol).text });
  expect(await socket.next("refused")).toMatchObject({ frame: "send", code: "not-allowed" });
});

test("[P9.8] a new key is due before the next message after somebody left, has newer keys, or used an invite up", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  const once = await room.invite(alice, { uses: 1 });
  const twice = await room.invite(alice, { uses: 2 });
  const owing: [string, () => Promise<unknown>, TestAccount[]][] = [
    ["left", () => room.add(bob, { kind: "leave" }), []],
    ["left with a new key", () => room.add(carol, { kind: "leave" }, room.renew()), []],
    ["rolled", () => alice.call(endpoints.appendLog, { body: { entries: [alice.keys.encryptionEntry()] } }), [alice]],
    ["used up", () => room.add(dave, room.joining(dave, once)), []],
  ];
  for (const [what, cause, rolled] of owing) {
    const before = envelopeOf(room, alice);
    expect([what, await send(room, alice, before)]).toEqual([what, "stored"]);
    await cause();
    expect([what, await send(room, alice)]).toEqual([what, "rotation-due"]);
    if (what !== "left with a new key") expect([what, await send(room, alice, before)]).toEqual([what, "stored"]);
    // A record without a new key changes nothing about it.
    const pin: RoomChange = { kind: "pin", pin: { messageId: before.id, envelopeHash: new Uint8Array(32) } };
    await room.add(alice, pin);
    expect([what, await send(room, alice)]).toEqual([what, "rotation-due"]);
    await room.add(alice, room.renew(...rolled));
    expect([what, await send(room, alice)]).toEqual([what, "stored"]);
  }
  await room.add(bob, room.joining(bob, twice));
  expect(await send(room, alice)).toBe("stored");
});

test("[P9.8] somebody's newer keys concern the rooms they are in, and no direct chat and no room they left", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const chat = await alice.startChat(bob);
  const left = await createRoom(alice, { others: [[bob, "member"]] });
  await left.add(bob, { kind: "leave" });
  await left.add(alice, left.renew());
  await bob.call(endpoints.appendLog, { body: { entries: [bob.keys.encryptionEntry()] } });
  expect(await send(left, alice)).toBe("stored");
  using socket = await alice.connect();
  socket.send({ type: "send", conversation: chat.id, envelope: envelopeOf(chat, alice).text });
  await socket.next("ack");
});

test("[P4.8] a message of a closed epoch of a room is refused with where the room is", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice } = people;
  const room = await createRoom(alice);
  const old = envelopeOf(room, alice);
  await room.add(alice, room.renew());
  const answer = await alice.attempt(endpoints.seedRoomMessage, { body: { room: room.id, content: old.text } });
  expect(answer).toMatchObject({ status: 409, body: { code: "epoch-closed", details: { epoch: 2, record_index: 1 } } });
});

test("[P9.15] in a room a message id names one message: used again by another member it is refused, and a moderator erases one", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  const pinned = envelopeOf(room, bob);
  expect(await send(room, bob, pinned)).toBe("stored");
  expect(await send(room, carol, envelopeOf(room, carol, { id: pinned.id }))).toBe("message-id-reused");
  const params = { id: room.id };
  expect(await alice.call(endpoints.erase, { params, body: { ids: [pinned.id] } })).toMatchObject({ erased: 1 });
  // Erased, it is its author's still.
  expect(await send(room, carol, envelopeOf(room, carol, { id: pinned.id }))).toBe("message-id-reused");
  expect((await alice.entries(room.id)).map(({ kind }) => kind)).toEqual(["record", "erased"]);
});

test("of a batch with refused messages the others are stored, without a gap in their numbers", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]], settings: { ...closedSettings, post: "admin" } });
  const sent = [alice, bob, alice, carol, alice, bob].map((account) => send(room, account));
  expect(await Promise.all(sent)).toEqual(["stored", "not-allowed", "stored", "not-found", "stored", "not-allowed"]);
  expect((await alice.entries(room.id)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});
