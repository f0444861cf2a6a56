import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "@cychat/protocol";
import { asMigratedTo } from "../testing/older-database.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { createRoom } from "../testing/test-room.ts";
import { startTestServer } from "../testing/test-server.ts";
import { download, seededBytes, upload } from "../testing/test-upload.ts";
import { foundation } from "./migrations/0001-foundation.ts";
import { rooms } from "./migrations/0002-rooms.ts";

const versions = {
  "before rooms": { "0001-foundation": foundation },
  "before files": { "0001-foundation": foundation, "0002-rooms": rooms },
};

for (const [version, migrations] of Object.entries(versions)) {
  test(`a database from ${version} keeps its chats and messages, and then takes files`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "cychat-migration-"));
    const before = await startTestServer({ folder });
    const [alice, bob] = await Promise.all([before.account("alice"), before.account("bob")]);
    const chat = await alice.startChat(bob);
    const say = (blobs: Parameters<typeof envelopeOf>[2]) =>
      alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: envelopeOf(chat, alice, blobs).text } });
    await say({});
    const room = version === "before files" ? await createRoom(alice, { others: [[bob, "member"]] }) : null;
    const snapshot = async () => [await bob.entries(chat.id), room && (await bob.entries(room.id))];
    const expected = await snapshot();
    await before.stop();

    await asMigratedTo(migrations, join(folder, "cychat.db"));
    await using after = await startTestServer({ folder });
    for (const account of [alice, bob]) Object.assign(account, { server: after });
    expect(await snapshot()).toEqual(expected);
    const bytes = seededBytes(1000);
    const blob = await upload(alice, chat, bytes);
    await say({ blobs: [blob] });
    expect(await (await download(bob, blob)).bytes()).toEqual(bytes);
    await after.stop();
    rmSync(folder, { recursive: true, force: true });
  });
}
