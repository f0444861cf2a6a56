import { expect, test } from "bun:test";
import { type AccountId, type CborValue, decodeCbor, encodeCbor, newMessageId } from "@cychat/protocol";
import { adding, openRoom, privateRoom, Room } from "../testing/room.ts";
import { flip, Person, refusal, World } from "../testing/world.ts";
import { createRotation } from "./direct-chats.ts";
import { CryptoError } from "./errors.ts";
import { randomBytes } from "./primitives.ts";
import { encodeRoomProfile } from "./room-profile.ts";
import { createRoom } from "./rooms.ts";
import { decodeChainState, encodeChainState } from "./stored-chain.ts";

const [ada, bob, cy] = (await Promise.all([..."abc"].map((digit) => Person.create(digit)))) as [Person, Person, Person];

async function busyRoom(): Promise<Room> {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy] });
  await room.change(ada, [adding(cy), (await room.newInvite()).change]);
  await room.change(ada, [
    { kind: "remove", account: cy.account, ban: true },
    { kind: "settings", settings: { ...privateRoom, post: "admin", description: "of old" } },
    { kind: "pin", pin: { messageId: newMessageId(), envelopeHash: randomBytes(32) } },
    { kind: "role", account: bob.account, role: "admin" },
  ]);
  await room.change(bob, [{ kind: "leave" }]);
  return room;
}

test("a chain is the same after it was kept: a direct chat, a room, a room that owes a key", async () => {
  const world = await World.create();
  world.accept(await createRotation(world.chain, world.bob.author, world.resolve));
  const room = await busyRoom();
  for (const chain of [world.chain, room.chain, { ...room.chain, unsettledFrom: 2, owed: "invite-ended" as const }]) {
    expect(decodeChainState(encodeChainState(chain))).toEqual(chain);
    expect(structuredClone(chain)).toEqual(chain);
  }
  expect(room.chain).toMatchObject({
    owed: "left",
    posting: [
      [0, "member"],
      [2, "admin"],
    ],
  });
  // Going on from what was kept gives what going on without keeping it gives.
  const evidence = (await room.make(ada, [], { renew: true })).record;
  const again = Object.assign(Object.create(Room.prototype) as Room, room, {
    chain: decodeChainState(encodeChainState(room.chain)),
  });
  expect(await again.verify({ record: evidence, memberList: null })).toEqual(
    await room.verify({ record: evidence, memberList: null }),
  );
});

test("a room of a thousand members is kept in less than 100 kB", async () => {
  const members = Array.from({ length: 999 }, (_, at) => {
    const account = `${(0x10000000 + at).toString(16)}-1234-4567-89ab-0123456789ab` as AccountId;
    return { ...bob.state, account };
  });
  const profile = encodeRoomProfile({ name: "x", topic: "", picture: null });
  const { state } = await createRoom(ada.author, { settings: privateRoom, history: "shared", profile, members });
  const bytes = encodeChainState(state);
  expect(bytes.length).toBeLessThan(100_000);
  expect(decodeChainState(bytes)).toEqual(state);
});

test("what is not a kept chain is refused, and never half read", async () => {
  const bytes = encodeChainState((await busyRoom()).chain);
  for (const wrong of [bytes.slice(0, -1), Uint8Array.of(...bytes, 0), new Uint8Array(0)])
    expect(await refusal(() => decodeChainState(wrong))).toBe("malformed-structure");
  const fields = decodeCbor(bytes) as CborValue[];
  for (let at = 0; at < fields.length; at++) {
    for (const value of ["x", [[]], 99, -1]) {
      const altered = encodeCbor(fields.with(at, value));
      // Where a number may be any number, another one is read as what it says.
      const isFreeNumber = [3, 5, 9].includes(at) && value === 99;
      if (isFreeNumber) expect(decodeChainState(altered)).toBeDefined();
      else expect(await refusal(() => decodeChainState(altered))).toBe("malformed-structure");
    }
  }
  let refused = 0;
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    try {
      decodeChainState(flip(bytes, bit));
    } catch (error) {
      expect(error).toBeInstanceOf(CryptoError);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(100);
});
