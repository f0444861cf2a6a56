import { expect, test } from "bun:test";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom } from "../testing/test-room.ts";
import { png } from "./test-pictures.ts";

test("a picture is shown to whoever is in a room with somebody, and not after that", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const put = await fetch(`${server.url}/api/v1/user/picture`, {
    method: "PUT",
    headers: { authorization: `Bearer ${alice.token}`, "content-type": "image/png" },
    body: png(2, 2),
  });
  expect(put.status).toBe(200);
  const picture = async () =>
    (await fetch(`${server.url}/api/v1/user/${alice.id}/picture`, { headers: { authorization: `Bearer ${bob.token}` } })).status;
  expect(await picture()).toBe(200);
  await room.add(bob, { kind: "leave" });
  expect(await picture()).toBe(404);
});
