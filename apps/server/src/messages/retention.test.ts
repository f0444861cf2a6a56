import { expect, test } from "bun:test";
import { endpoints } from "@cychat/protocol";
import { createChats, createDirectory } from "../chats/service.ts";
import { createLog } from "../log.ts";
import { createMemoryBus } from "../realtime/bus.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { startTestServer } from "../testing/test-server.ts";
import { startRetention } from "./retention.ts";

const dayMs = 24 * 3600 * 1000;

test("messages older than the retention are erased once, records and younger ones stay, and everybody is told", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  const say = () => alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: envelopeOf(chat, alice).text } });
  for (let message = 0; message < 4; message++) await say();
  const { db } = server.core;
  await db
    .updateTable("entries")
    .set({ at_ms: Date.now() - 40 * dayMs })
    .where("seq", "<=", 3)
    .execute();
  using socket = await bob.connect();
  // The server's own job is off without the setting; this one runs on the same parts.
  const bus = createMemoryBus();
  const chats = createChats({ core: server.core, bus, directory: createDirectory(db, bus, () => {}), now: Date.now });
  const retention = startRetention({ chats, log: createLog("silent"), days: 30, now: Date.now });
  expect(await retention.run()).toBe(2);
  expect(await socket.next("erased")).toMatchObject({ conversation: chat.id, seqs: [2, 3] });
  expect((await bob.entries(chat.id)).map(({ kind }) => kind)).toEqual(["record", "erased", "erased", "message", "message"]);
  expect(await retention.run()).toBe(0);
  await db.updateTable("entries").set({ at_ms: 1 }).where("seq", "=", 4).execute();
  expect(await retention.run()).toBe(1);
  await retention.stop();
});

test("a server with the setting starts and stops with its job", async () => {
  await using server = await startTestServer({ config: { messageRetentionDays: 365 } });
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
});
