import { expect, test } from "bun:test";
import { existsSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BlobId, endpoints } from "@cychat/protocol";
import { createChats, createDirectory } from "../chats/service.ts";
import { createLog } from "../log.ts";
import { createMemoryBus } from "../realtime/bus.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { startTestServer } from "../testing/test-server.ts";
import { renewToken } from "../testing/test-token.ts";
import { createUpload, download, offsetOf, patch, refusalOf, seededBytes, upload } from "../testing/test-upload.ts";
import { startCollector } from "./collector.ts";
import { deleteAbandoned } from "./store.ts";

const hourMs = 3600 * 1000;

async function aliceAndBob() {
  // Uploads are stamped with the clock that the collector reads; files with the machine's.
  const clock = { nowMs: Date.now(), steadyMs: 0 };
  const server = await startTestServer({ now: () => clock.nowMs });
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  const { core } = server;
  const clocks = { now: () => clock.nowMs, steadyNow: () => clock.steadyMs };
  const collector = startCollector({ ...core, log: createLog("silent"), ...clocks });
  const send = (blob: BlobId) =>
    alice.attempt(endpoints.sendMessage, {
      body: { receiver: bob.email, content: envelopeOf(chat, alice, { blobs: [blob] }).text },
    });
  /** Time passes, and the clock is set. Access tokens do not live as long. */
  const forward = (hours: number, setHours = 0) => {
    clock.nowMs += (hours + setHours) * hourMs;
    clock.steadyMs += hours * hourMs;
    for (const account of [alice, bob]) renewToken(core, account, clock.nowMs);
  };
  const isOnDisk = (id: BlobId) => existsSync(join(core.config.uploadDir, "blobs", id));
  return { forward, server, alice, bob, chat, collector, send, isOnDisk };
}

test("[P10.6] what no message has named, and an upload that does not go on, are deleted after a day", async () => {
  const { forward, server, alice, chat, collector, send, isOnDisk } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(10);
  const [named, whole, stuck, slow] = [
    await upload(alice, chat, bytes),
    await upload(alice, chat, bytes),
    await createUpload(alice, chat.id, 10),
    await createUpload(alice, chat.id, 10),
  ];
  expect((await send(named)).status).toBe(201);
  forward(23);
  expect(await collector.run()).toBe(0);
  expect((await patch(alice, slow, 0, bytes.slice(0, 5))).status).toBe(204);
  forward(2);
  expect(await collector.run()).toBe(2);
  expect([named, whole, stuck, slow].map(isOnDisk)).toEqual([true, false, false, true]);
  expect((await send(whole)).body.code).toBe("blob-missing");
  expect(await offsetOf(alice, stuck)).toBe(null);
  expect(await refusalOf(patch(alice, stuck, 0, bytes))).toEqual([404, "not-found"]);
  expect((await patch(alice, slow, 5, bytes.slice(5))).status).toBe(204);
  expect((await send(slow)).status).toBe(201);
  forward(100);
  expect(await collector.run()).toBe(0);
  expect((await alice.call(endpoints.fileQuota, {})).used_bytes).toBe(20);
  await collector.stop();
});

test("[P10.6] a file without a row is deleted after a day, and nothing else in the folder", async () => {
  const { server, alice, chat, collector, isOnDisk } = await aliceAndBob();
  await using _ = server;
  const kept = await upload(alice, chat, seededBytes(10));
  const [old, young] = [`${"o".repeat(42)}A` as BlobId, `${"y".repeat(42)}A` as BlobId];
  const pathOf = (name: string) => join(server.core.config.uploadDir, "blobs", name);
  const before = new Date(Date.now() - 25 * hourMs);
  for (const name of [old, young, "something-else"]) writeFileSync(pathOf(name), "");
  for (const name of [old, kept, "something-else"]) utimesSync(pathOf(name), before, before);
  expect(await collector.run()).toBe(1);
  expect([old, young, kept].map(isOnDisk)).toEqual([false, true, true]);
  expect(existsSync(pathOf("something-else"))).toBe(true);
  await collector.stop();
});

test("[P10.5] a message that comes just when the collector does is stored with its file, or refused", async () => {
  const { forward, server, alice, bob, chat, collector, send, isOnDisk } = await aliceAndBob();
  await using _ = server;
  const outcomes: string[] = [];
  for (let round = 0; round < 12; round++) {
    const id = await upload(alice, chat, seededBytes(10, round));
    forward(25);
    const first = round % 2 === 0 ? collector.run() : null;
    const [{ status, body }] = await Promise.all([send(id), first ?? collector.run()]);
    expect([201, 422]).toContain(status);
    outcomes.push(status === 201 ? "stored" : body.code);
    expect(isOnDisk(id)).toBe(status === 201);
    expect((await download(bob, id)).status).toBe(status === 201 ? 200 : 404);
  }
  expect(outcomes.every((outcome) => outcome === "stored" || outcome === "blob-missing")).toBe(true);
  await collector.stop();
});

test("[P10.6] many abandoned uploads are deleted in portions, each once", async () => {
  const { server, alice, chat, collector } = await aliceAndBob();
  await using _ = server;
  const { db } = server.core;
  const count = 2_345;
  const row = { account: alice.id, conversation: chat.id, bytes: 1, created_at_ms: 1, touched_at_ms: 1 };
  await db.transaction().execute(async (trx) => {
    for (let n = 0; n < count; n++)
      await trx
        .insertInto("blobs")
        .values({ ...row, id: `${String(n).padStart(42, "n")}A` as BlobId })
        .execute();
  });
  const portions: number[] = [];
  await deleteAbandoned(db, 2, async ({ length }) => void portions.push(length));
  expect(portions.reduce((sum, length) => sum + length, 0)).toBe(count);
  expect(Math.max(...portions)).toBe(100);
  expect(await db.selectFrom("blobs").select("id").execute()).toEqual([]);
  await collector.stop();
});

test("[P10.6] retention deletes the files of what it erases", async () => {
  const { server, alice, bob, chat, send, isOnDisk, collector } = await aliceAndBob();
  await using _ = server;
  const [old, young] = [await upload(alice, chat, seededBytes(10)), await upload(alice, chat, seededBytes(10))];
  for (const blob of [old, young]) expect((await send(blob)).status).toBe(201);
  const { db } = server.core;
  await db.updateTable("entries").set({ at_ms: 1 }).where("seq", "=", 2).execute();
  const bus = createMemoryBus();
  const chats = createChats({ core: server.core, bus, directory: createDirectory(db, bus, () => {}), now: Date.now });
  expect(await chats.eraseBefore(Date.now() - 30 * 24 * hourMs)).toBe(1);
  expect([old, young].map(isOnDisk)).toEqual([false, true]);
  expect(await refusalOf(download(bob, old))).toEqual([404, "not-found"]);
  await collector.stop();
});

test("[P10.6] a clock that is put forward by years deletes no upload that is under way, and those left alone a day later", async () => {
  const { forward, server, alice, chat, collector, send, isOnDisk } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(10);
  const [active, left] = [await createUpload(alice, chat.id, 10), await createUpload(alice, chat.id, 10)];
  await patch(alice, active, 0, bytes.slice(0, 5));
  forward(0.1, 3 * 365 * 24);
  expect(await collector.run()).toBe(0);
  for (let hour = 0; hour < 23; hour++) {
    forward(1);
    expect(await collector.run()).toBe(0);
  }
  expect((await patch(alice, active, 5, bytes.slice(5))).status).toBe(204);
  forward(2);
  expect(await collector.run()).toBe(1);
  expect([active, left].map(isOnDisk)).toEqual([true, false]);
  expect((await send(active)).status).toBe(201);
  await collector.stop();
});

test("[P10.6] a clock that is put back by a year deletes no upload that is under way, and those left alone a day later", async () => {
  const { forward, server, alice, chat, collector, isOnDisk } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(10);
  const [active, left] = [await createUpload(alice, chat.id, 10), await createUpload(alice, chat.id, 10)];
  forward(0.1, -365 * 24);
  expect(await collector.run()).toBe(0);
  for (let hour = 0; hour < 23; hour++) {
    forward(1);
    expect(await collector.run()).toBe(0);
  }
  await patch(alice, active, 0, bytes.slice(0, 5));
  forward(2);
  expect(await collector.run()).toBe(1);
  expect([active, left].map(isOnDisk)).toEqual([true, false]);
  // And that one, too, once it is left alone.
  forward(25);
  expect(await collector.run()).toBe(1);
  expect(isOnDisk(active)).toBe(false);
  await collector.stop();
});

test("[P10.6] a clock that was wrong for an hour, and is put right, costs no upload under way", async () => {
  for (const wrongHours of [30, -30, 365 * 24, -365 * 24]) {
    const { forward, server, alice, chat, collector, send } = await aliceAndBob();
    await using _ = server;
    const bytes = seededBytes(10);
    const id = await createUpload(alice, chat.id, 10);
    forward(0, wrongHours);
    await patch(alice, id, 0, bytes.slice(0, 5));
    expect(await collector.run()).toBe(0);
    forward(1, -wrongHours);
    expect(await collector.run()).toBe(0);
    forward(22);
    expect(await collector.run()).toBe(0);
    expect((await patch(alice, id, 5, bytes.slice(5))).status).toBe(204);
    expect((await send(id)).status).toBe(201);
    await collector.stop();
  }
});

test("[P10.6] a small step of the clock, as machines that are kept right make them, delays nothing by more than itself", async () => {
  const { forward, server, alice, chat, collector } = await aliceAndBob();
  await using _ = server;
  await createUpload(alice, chat.id, 10);
  for (let hour = 0; hour < 24; hour++) {
    forward(1, hour % 2 === 0 ? 0.001 : -0.001);
    expect(await collector.run()).toBe(0);
  }
  forward(0.1);
  expect(await collector.run()).toBe(1);
  await collector.stop();
});
