import { expect, test } from "bun:test";
import { endpoints, limits, toBase64url } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { closedSettings, createRoom, openSettings } from "../testing/test-room.ts";

const seed = (account: TestAccount, join: 0 | 1, room_name: string, description?: string) =>
  account.attempt(endpoints.seedRoom, { body: { join, room_name, ...(description === undefined ? {} : { description }) } });

const find = async (account: TestAccount, search?: string) =>
  (await account.call(endpoints.rooms, { query: search === undefined ? {} : { search } })).result;

test("POST /room reserves a name; it waits for its owner, can be found, and is nobody else's", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  using socket = await alice.connect();
  const made = await seed(alice, 0, "  The Garden ", "Everything that grows");
  expect(made).toMatchObject({ status: 200, body: { room: { id: null, room_name: "The Garden", member_role: "owner" } } });
  expect(await socket.next("changed")).toMatchObject({ what: "conversations" });
  for (const name of ["The Garden", "the garden", "THE GARDEN"])
    expect((await seed(bob, 0, name)).body).toMatchObject({ status_code: 400, code: "room-exists" });
  expect(await find(bob)).toEqual([]);
  for (const search of ["gard", "GROWS", "", " garden "])
    expect([search, (await find(bob, search)).map(({ room_name }) => room_name)]).toEqual([search, ["The Garden"]]);
  expect((await find(alice))[0]).toMatchObject({ id: null, member_role: "owner", pending: "no", record_hash: null });
  expect((await seed(alice, 1, "the garden")).body.code).toBe("room-joined");
});

test("whoever wants into a waiting room waits on in the room that its owner opens", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  await seed(alice, 0, "garden");
  expect((await seed(bob, 1, "Garden")).body).toMatchObject({ room: { id: null, pending: "unsigned" } });
  await seed(bob, 1, "garden");
  await seed(carol, 1, "garden");
  expect(await find(bob)).toMatchObject([{ id: null, pending: "unsigned", member_role: null }]);
  using socket = await bob.connect();
  // Carol is a member from the start, and so waits no more.
  const room = await createRoom(alice, { settings: openSettings, others: [[carol, "member"]] });
  expect(await socket.next("changed")).toMatchObject({ what: "joins", conversation: room.id });
  expect(await find(bob)).toMatchObject([{ id: room.id, pending: "unsigned", record_hash: toBase64url(room.view.head) }]);
  expect(await find(carol)).toMatchObject([{ id: room.id, pending: "no", member_role: "member" }]);
  expect((await server.core.db.selectFrom("waiting_rooms").selectAll().execute()).length).toBe(0);
  // Not signed yet, so nobody can let him in.
  const waiting = () => alice.call(endpoints.joinRequests, { params: { id: room.id } });
  expect((await waiting()).requests).toEqual([]);
  expect((await alice.call(endpoints.conversation, { params: { id: room.id } })).room?.pending_joins).toBe(0);
  await room.ask(bob);
  expect((await waiting()).requests.map(({ person }) => person.id)).toEqual([bob.id]);
  expect((await find(bob))[0]?.pending).toBe("waiting");
  await seed(bob, 1, "garden");
  expect((await find(bob))[0]?.pending).toBe("waiting");
});

test("a waiting room of somebody else keeps its name", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  await seed(people.bob, 0, "Garden");
  const refused = await createRoom(people.alice, { settings: openSettings }).catch((error: Error) => error.message);
  expect(refused).toContain("room-exists");
});

test("joining by name: unknown, closed, joined and banned each have their answer", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const closed = { ...openSettings, join: "invitation", handle: "vault" } as const;
  const room = await createRoom(alice, { settings: openSettings });
  const vault = await createRoom(alice, { settings: closed, others: [[bob, "member"]] });
  await room.add(alice, { kind: "ban", account: carol.id });
  await vault.add(alice, { kind: "ban", account: carol.id });
  const codes = async (account: TestAccount, name: string) => (await seed(account, 1, name)).body.code;
  expect(await codes(alice, "garden")).toBe("room-joined");
  expect(await codes(carol, "garden")).toBe("banned");
  expect(await codes(bob, "shed")).toBe("room-unknown");
  expect(await codes(bob, "vault")).toBe("room-joined");
  // A room that nobody joins by name is not there for others, banned or not.
  for (const account of [carol, people.dave]) expect(await codes(account, "vault")).toBe("room-unknown");
  expect(await find(people.dave, "vault")).toEqual([]);
  expect((await seed(bob, 1, "garden")).body).toMatchObject({ room: { id: room.id, pending: "unsigned" } });
});

test("own rooms are all listed, those without a name too; found ones only where they can be joined", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const named = await createRoom(alice, { settings: { ...openSettings, join: "approval" } });
  const secret = await createRoom(alice, { settings: closedSettings, others: [[bob, "member"]] });
  expect((await find(alice)).map(({ id }) => id).sort()).toEqual([named.id, secret.id].sort());
  expect((await find(bob)).map(({ id, room_name }) => [id, room_name])).toEqual([[secret.id, null]]);
  const found = await find(bob, "garden");
  expect(found.map(({ id }) => id)).toEqual([secret.id, named.id]);
  expect(found[1]).toMatchObject({ join: "approval", member_role: null, member_count: 1, pending: "no" });
  await secret.add(bob, { kind: "leave" });
  expect(await find(bob)).toEqual([]);
});

test("a search means its characters literally", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  await seed(alice, 0, "100% green!");
  await seed(alice, 0, "under_score");
  await seed(alice, 0, "ÉTÉ [x]");
  const names = async (search: string) => (await find(bob, search)).map(({ room_name }) => room_name).sort();
  expect(await names("%")).toEqual(["100% green!"]);
  expect(await names("_")).toEqual(["under_score"]);
  expect(await names("!")).toEqual(["100% green!"]);
  expect(await names("été [")).toEqual(["ÉTÉ [x]"]);
  expect(await names("' or 1=1 --")).toEqual([]);
});

test("the room of that very name is found first, however many larger ones contain it", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const named = (handle: string) => ({ ...openSettings, handle });
  await createRoom(alice, { settings: named("Go") });
  for (let count = 0; count < 51; count++)
    await createRoom(carol, { settings: named(`Gossip ${count}`), others: [[dave, "member"]] });
  const found = (await find(bob, " go ")).map(({ room_name }) => room_name);
  expect([found.length, found[0]]).toEqual([50, "Go"]);
});

test("one account's waiting rooms are limited, and one that is opened makes place", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  await seed(alice, 0, "garden");
  for (let count = 1; count < 20; count++) expect((await seed(alice, 0, `room ${count}`)).status).toBe(200);
  expect((await seed(alice, 0, "one more")).body).toMatchObject({ status_code: 429, code: "rate-limited" });
  expect((await seed(bob, 0, "one more")).status).toBe(200);
  await createRoom(alice, { settings: openSettings });
  expect((await seed(alice, 0, "another")).status).toBe(200);
});

test("names and descriptions that are none are refused", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice } = people;
  for (const body of [
    { join: 2, room_name: "garden" },
    { join: 0, room_name: "" },
    { join: 0, room_name: "  " },
    { join: 0, room_name: "x".repeat(limits.roomNameChars + 1) },
    { join: 0, room_name: "a\u0000b" },
    { join: 0, room_name: "garden", description: "x".repeat(limits.roomDescriptionChars + 1) },
    { join: 0, room_name: "garden", more: 1 },
    { join: 0 },
  ])
    expect((await alice.attempt(endpoints.seedRoom, { body })).body.code).toBe("malformed-request");
});

test("looking for rooms and taking names is limited", async () => {
  const { server, people } = await startWithPeople({ config: { rateLimitScale: 1 } });
  await using _ = server;
  const { alice } = people;
  const until429 = async (attempt: () => Promise<{ status: number }>) => {
    for (let count = 0; count < 200; count++) if ((await attempt()).status === 429) return count;
    return 200;
  };
  expect(await until429(() => alice.attempt(endpoints.rooms, { query: { search: "x" } }))).toBeLessThan(200);
  expect((await alice.attempt(endpoints.rooms)).status).toBe(200);
  expect(await until429(() => seed(alice, 1, "nothing"))).toBeLessThan(200);
});
