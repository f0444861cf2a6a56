// Files, from the picked bytes to the other side's, over a real server; with what can go wrong on the way.
import { expect, setDefaultTimeout, test } from "bun:test";
import { type ConversationId, limits, type MessageId } from "@cychat/protocol";
import type { FileToSend, MessageView } from "@cychat/sdk/bun";
import { until } from "../support/people.ts";
import { eventually, idOf, introduce, makeRoom, refusal } from "../support/rooms.ts";
import { type Person, password, World } from "./world.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

/** Random enough to tell every place from every other, and the same every time. */
function bytesOf(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

function file(name: string, bytes: Uint8Array<ArrayBuffer>, more: Partial<FileToSend> = {}): FileToSend {
  return { name, type: "application/octet-stream", blob: new Blob([bytes]), ...more };
}

function filesIn(person: Person, chat: ConversationId): Promise<MessageView> {
  return until(person.client, async () => {
    if (!(await person.client.conversations()).some(({ id }) => id === chat)) return undefined;
    const { messages } = await person.client.history(chat);
    return messages.find(({ kind, state }) => kind === "files" && state !== "sending");
  });
}

async function open(person: Person, { conversation, id }: MessageView, index = 0): Promise<Uint8Array> {
  return new Uint8Array(await (await person.client.openFile(conversation, id, index)).arrayBuffer());
}

const sealedChunkBytes = limits.fileChunkBytes + 16;

const blobsOf = (world: World) => world.server.core.db.selectFrom("blobs").selectAll().execute();

async function two(world: World): Promise<[Person, Person, ConversationId]> {
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "hello");
  await bob.texts(chat, 1);
  return [alice, bob, chat];
}

test("[P10.2] several files with a caption arrive as they were, also on a new device, and later messages do not wait", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const some = [bytesOf(0), bytesOf(1), bytesOf(3 * limits.fileChunkBytes), bytesOf(5_000_001)] as const;
  const thumbnail = bytesOf(300);
  const picture = { type: "image/png", width: 640, height: 480, thumbnail };
  const files = some.map((bytes, n) => file(`Übersicht ${n}.bin`, bytes, n === 1 ? picture : {}));
  const told: number[] = [];
  const view = await alice.client.sendFiles(chat, files, { caption: "All of them", progress: (done) => told.push(done) });
  expect(view).toMatchObject({ kind: "files", text: "All of them", state: "sending" });
  expect(told.at(-1)).toBe(some.reduce((sum, { length }) => sum + length, 0));
  await alice.client.sendText(chat, "and this");
  const received = await filesIn(bob, chat);
  expect(received).toMatchObject({ kind: "files", text: "All of them", problem: null });
  expect(received.files.map(({ name, size }) => [name, size])).toEqual(files.map(({ name, blob }) => [name, blob.size]));
  expect(received.files[1]).toMatchObject({ type: "image/png", width: 640, height: 480, thumbnail, uploadedBytes: null });
  for (const [index, bytes] of some.entries()) {
    expect(Buffer.compare(await open(bob, received, index), bytes)).toBe(0);
    expect(Buffer.compare(await open(alice, view, index), bytes)).toBe(0);
  }
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  expect(Buffer.compare(await open(phone, await filesIn(phone, chat), 3), some[3])).toBe(0);
  expect((await bob.client.conversations())[0]?.unread).toBe(3);
  // Nothing of it is kept twice.
  expect(await alice.store.list("file-segments")).toEqual([]);
});

test("[P10.6] a deleted message takes its files along, and nobody else but its readers ever got them", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const carol = await world.person("carol");
  await alice.client.sendFiles(chat, [file("a.bin", bytesOf(1000))]);
  const received = await filesIn(bob, chat);
  const [row] = await blobsOf(world);
  const ask = (person: Person) => person.client.openFile(chat, received.id, 0);
  expect(await refusal(ask(carol))).toBe("not-found");
  expect(row).toBeDefined();
  await alice.client.deleteMessages(chat, [received.id]);
  await eventually("the file is gone", async () => (await blobsOf(world)).length === 0);
  await eventually("it is shown as deleted", async () =>
    (await bob.client.history(chat)).messages.some(
      ({ id, kind, files }) => id === received.id && kind === "deleted" && files.length === 0,
    ),
  );
  expect(await refusal(ask(bob))).toBe("not-found");
});

test("[P10.4] an upload goes on where it was after a lost connection, and after a restart of the client", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const bytes = bytesOf(11_000_000);
  let pieces = 0;
  alice.network.onRequest = (method) => {
    if (method !== "PATCH" || ++pieces !== 2) return;
    alice.network.cut();
    throw new Error("The connection was lost.");
  };
  const view = await alice.client.sendFiles(chat, [file("large.bin", bytes)]);
  await eventually("a piece is there", async () => {
    const waiting = (await alice.client.history(chat)).messages.find(({ id }) => id === view.id);
    return waiting?.state === "sending" && (waiting.files[0]?.uploadedBytes ?? 0) > 4_000_000 && pieces === 2;
  });
  expect(Buffer.compare(await open(alice, view), bytes)).toBe(0);
  await alice.client.close();
  const uploads: string[] = [];
  const again = await world.device("alice", { store: alice.store });
  again.network.onRequest = (method, path) => void (path.startsWith("/uploads") && uploads.push(method));
  expect(Buffer.compare(await open(bob, await filesIn(bob, chat)), bytes)).toBe(0);
  // Asked where it was, and went on: nothing was made anew.
  expect(uploads.filter((method) => method === "POST")).toEqual([]);
  expect(uploads.filter((method) => method === "PATCH").length).toBe(2);
});

test("[P10.4] an upload goes on where the answer to a piece was lost, and where the token had ended meanwhile", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const bytes = bytesOf(9_000_000);
  const answers: string[] = [];
  alice.network.onResponse = (method, path, response) => {
    if (!path.startsWith("/uploads")) return response;
    answers.push(`${method} ${response.status}`);
    // The piece is stored, and nobody hears of it.
    if (answers.length === 2) throw new Error("The connection was lost.");
    return answers.length === 3 ? new Response(null, { status: 401 }) : response;
  };
  await alice.client.sendFiles(chat, [file("large.bin", bytes)]);
  expect(Buffer.compare(await open(bob, await filesIn(bob, chat)), bytes)).toBe(0);
  expect(answers).toEqual(["POST 201", "PATCH 204", "HEAD 200", "HEAD 200", "PATCH 204", "PATCH 204"]);
});

test("[P10.4] a piece that does not fit where the upload stands by now makes the client ask, and go on", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const bytes = bytesOf(5_000_000);
  let pieces = 0;
  alice.network.onResponse = (method, _path, response) => {
    if (method !== "PATCH" || ++pieces !== 1) return response;
    const refusal = { status_code: 409, code: "version-conflict", message: "The upload stands elsewhere." };
    return Response.json(refusal, { status: 409 });
  };
  await alice.client.sendFiles(chat, [file("large.bin", bytes)]);
  expect(Buffer.compare(await open(bob, await filesIn(bob, chat)), bytes)).toBe(0);
});

test("[P10.5] a message whose files the server has dropped meanwhile takes them there again", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const bytes = bytesOf(100_000);
  const isSent = Promise.withResolvers<void>();
  alice.network.onSend = (frame) => {
    if (frame.type === "send") isSent.resolve();
    return frame.type !== "send";
  };
  await alice.client.sendFiles(chat, [file("a.bin", bytes)]);
  await isSent.promise;
  await world.server.core.db.deleteFrom("blobs").execute();
  alice.network.onSend = () => true;
  alice.network.interrupt();
  expect(Buffer.compare(await open(bob, await filesIn(bob, chat)), bytes)).toBe(0);
});

test("taken back while it is uploaded, a message is gone everywhere, and the next one is sent", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const isAsked = Promise.withResolvers<void>();
  const mayGo = Promise.withResolvers<void>();
  alice.network.onRequest = async (method) => {
    if (method !== "PATCH") return;
    isAsked.resolve();
    await mayGo.promise;
  };
  const view = await alice.client.sendFiles(chat, [file("no.bin", bytesOf(9_000_000))]);
  await isAsked.promise;
  await alice.client.discard(view.id);
  mayGo.resolve();
  alice.network.onRequest = () => {};
  await alice.client.sendFiles(chat, [file("yes.bin", bytesOf(10))]);
  const received = await filesIn(bob, chat);
  expect(received.files.map(({ name }) => name)).toEqual(["yes.bin"]);
  await eventually("nothing is left of it", async () => (await blobsOf(world)).length === 1);
  await eventually("nothing of them is left here", async () => (await alice.store.list("file-segments")).length === 0);
  expect(await refusal(alice.client.openFile(chat, view.id, 0))).toBe("not-found");
});

test("cancelled, or changed, while it is encrypted, a file leaves nothing behind and nothing is sent", async () => {
  await using world = await World.start();
  const [alice, , chat] = await two(world);
  const controller = new AbortController();
  const stopping = alice.client.sendFiles(chat, [file("a.bin", bytesOf(4_000_000))], {
    progress: () => controller.abort(),
    signal: controller.signal,
  });
  expect(await refusal(stopping)).toBe("cancelled");
  const shrunk = new Blob([bytesOf(10)]);
  Object.defineProperty(shrunk, "size", { value: 100 });
  expect(await refusal(alice.client.sendFiles(chat, [{ name: "b", type: "", blob: shrunk }]))).toBe("file-changed");
  expect(await refusal(alice.client.sendFiles(chat, []))).toBe("empty-message");
  const many = Array.from({ length: limits.filesPerMessage + 1 }, (_, n) => file(`${n}`, bytesOf(1)));
  expect(await refusal(alice.client.sendFiles(chat, many))).toBe("too-many-files");
  const unreadable = new Blob([bytesOf(10)]);
  unreadable.slice = () => Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new Error("NotReadableError")) });
  expect(await refusal(alice.client.sendFiles(chat, [{ name: "c", type: "", blob: unreadable }]))).toBe("file-unreadable");
  for (const table of ["file-segments", "unfinished-files", "outbox"]) expect(await alice.store.list(table)).toEqual([]);
  await eventually("nothing is left on the server", async () => (await blobsOf(world)).length === 0);
});

test("a file is on its way while it is still encrypted, and its message comes when both are done", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const bytes = bytesOf(20_000_000);
  const isUploading = Promise.withResolvers<void>();
  alice.network.onRequest = (method) => void (method === "PATCH" && isUploading.resolve());
  // Its end cannot be read before a piece of it was uploaded.
  const slow = new Blob([bytes]);
  const slice = slow.slice.bind(slow);
  slow.slice = (from, to) => {
    const piece = slice(from, to);
    if ((to ?? 0) < 15_000_000) return piece;
    return Object.assign(new Blob(), { arrayBuffer: () => isUploading.promise.then(() => piece.arrayBuffer()) });
  };
  await alice.client.sendFiles(chat, [{ name: "a.bin", type: "", blob: slow }]);
  expect(Buffer.compare(await open(bob, await filesIn(bob, chat)), bytes)).toBe(0);
  expect(await blobsOf(world)).toHaveLength(1);
});

test("a paused message stays where it is, also after a restart, and the others go on", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const bytes = bytesOf(9_000_000);
  const isAsked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<void>();
  alice.network.onRequest = async (method) => {
    if (method !== "PATCH") return;
    isAsked.resolve();
    await never.promise;
  };
  const view = await alice.client.sendFiles(chat, [file("paused.bin", bytes)]);
  await isAsked.promise;
  await alice.client.setUploadPaused(view.id, true);
  alice.network.onRequest = () => {};
  never.resolve();
  await alice.client.sendFiles(chat, [file("next.bin", bytesOf(10))]);
  expect((await filesIn(bob, chat)).files[0]?.name).toBe("next.bin");
  await alice.client.close();
  const again = await world.device("alice", { store: alice.store });
  const waiting = await until(again.client, async () =>
    (await again.client.history(chat)).messages.find(({ id }) => id === view.id),
  );
  expect(waiting).toMatchObject({ isPaused: true, state: "sending" });
  await again.client.sendText(chat, "after it");
  await bob.texts(chat, 2);
  expect((await bob.client.history(chat)).messages.filter(({ kind }) => kind === "files")).toHaveLength(1);
  await again.client.setUploadPaused(view.id, false);
  const received = await until(bob.client, async () =>
    (await bob.client.history(chat)).messages.find(({ id }) => id === view.id),
  );
  expect(Buffer.compare(await open(bob, received), bytes)).toBe(0);
  expect(await refusal(again.client.setUploadPaused(view.id, true))).toBe("not-found");
});

test("a part of a file is read without the rest of it, waiting or received, and a whole pass is verified as a whole", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const bytes = bytesOf(6_000_000);
  alice.network.cut();
  const view = await alice.client.sendFiles(chat, [file("film.mp4", bytes, { type: "video/mp4" })]);
  const read = (person: Person, from: number, to: number, reader?: string) =>
    person.client.readFile(chat, view.id, 0, reader === undefined ? { from, to } : { from, to, reader });
  expect(Buffer.compare(await read(alice, 5_000_000, 5_000_100), bytes.slice(5_000_000, 5_000_100))).toBe(0);
  alice.network.restore();
  await filesIn(bob, chat);
  await eventually("it is not kept here any more", async () => (await alice.store.list("file-segments")).length === 0);
  expect(Buffer.compare(await read(alice, 5_000_000, 5_000_100), bytes.slice(5_000_000, 5_000_100))).toBe(0);
  let fetched = 0;
  bob.network.onResponse = (_, path, response) => {
    if (path.startsWith("/files/")) fetched += Number(response.headers.get("content-length"));
    return response;
  };
  expect(Buffer.compare(await read(bob, 5_000_000, 5_100_000), bytes.slice(5_000_000, 5_100_000))).toBe(0);
  expect(fetched).toBeLessThan(300_000);
  expect((await read(bob, 5_999_999, 7_000_000)).length).toBe(1);
  expect((await read(bob, 6_000_000, 7_000_000)).length).toBe(0);
  for (const [from, to] of [
    [-1, 5],
    [5, 4],
    [0.5, 1],
  ] as const)
    expect(await refusal(read(bob, from, to))).toBe("malformed-request");
  expect(await refusal(bob.client.readFile(chat, view.id, 1, { from: 0, to: 1 }))).toBe("not-found");
  const pass = async (reader: string) => {
    const parts: Uint8Array[] = [];
    for (let from = 0; from < bytes.length; from += 1_000_000) parts.push(await read(bob, from, from + 1_000_000, reader));
    return Buffer.concat(parts);
  };
  expect(Buffer.compare(await pass("two"), bytes)).toBe(0);
  expect(await refusal(read(bob, 1, 2, "leaves a hole"))).toBe("interrupted");
  expect((await read(bob, 0, 1_000_000, "cut off")).length).toBe(1_000_000);
  bob.network.onRequest = (_, path) => {
    if (path.startsWith("/files/")) throw new Error("The connection was lost.");
  };
  expect(await refusal(read(bob, 1_000_000, 2_000_000, "cut off"))).toBe("offline");
  bob.network.onRequest = () => {};
  expect((await read(bob, 1_000_000, 2_000_000, "cut off")).length).toBe(1_000_000);
  // A chunk of this file in another place: what lies before it can be read.
  const path = `${world.server.core.config.uploadDir}/blobs/${(await blobsOf(world))[0]?.id}`;
  const altered = await Bun.file(path).bytes();
  altered.copyWithin(20 * sealedChunkBytes, sealedChunkBytes, 2 * sealedChunkBytes);
  await Bun.write(path, altered);
  expect((await read(bob, 0, 1_000_000)).length).toBe(1_000_000);
  expect(await refusal(pass("three"))).toBe("file-damaged");
});

test("the files of a conversation are found by kind and by name, newest first, also beyond what was read", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  const send = async (name: string, more: Partial<FileToSend> = {}) => {
    const { id } = await alice.client.sendFiles(chat, [file(name, bytesOf(10), more)]);
    await until(bob.client, async () => (await bob.client.history(chat)).messages.find((message) => message.id === id));
    return id;
  };
  await send("ÜBERSICHT 2025.pdf", { type: "application/pdf" });
  const picture = await send("sea.png", { type: "image/png" });
  await send("voice.webm", { type: "audio/webm", durationMs: 1234.5, waveform: Uint8Array.of(0, 9, 255) });
  for (let n = 0; n < 210; n++) await bob.client.sendText(chat, `${n}`);
  await alice.texts(chat, 200);
  await send("film.mp4", { type: "video/mp4" });
  const phone = await world.device("bob");
  await phone.client.logIn({ email: bob.email, password });
  await phone.texts(chat, 1);
  const names = async (input: Parameters<typeof phone.client.sharedFiles>[1]) => {
    const found: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await phone.client.sharedFiles(chat, after === undefined ? { ...input } : { ...input, after });
      found.push(...page.items.map(({ message, index }) => message.files[index]?.name ?? "?"));
      if (page.next === null) return found;
      after = page.next;
    }
  };
  expect(await names({})).toEqual(["film.mp4", "voice.webm", "sea.png", "ÜBERSICHT 2025.pdf"]);
  expect(await names({ limit: 1 })).toEqual(["film.mp4", "voice.webm", "sea.png", "ÜBERSICHT 2025.pdf"]);
  expect(await names({ show: "media" })).toEqual(["film.mp4", "sea.png"]);
  expect(await names({ show: "voice" })).toEqual(["voice.webm"]);
  expect(await names({ show: "other" })).toEqual(["ÜBERSICHT 2025.pdf"]);
  expect(await names({ search: " übersicht" })).toEqual(["ÜBERSICHT 2025.pdf"]);
  expect(await names({ search: "nothing" })).toEqual([]);
  const [voice] = (await phone.client.sharedFiles(chat, { show: "voice" })).items;
  expect(voice?.message.files[0]).toMatchObject({ durationMs: 1235, waveform: Uint8Array.of(0, 9, 255) });
  await alice.client.deleteMessages(chat, [picture]);
  await eventually("it is gone there, too", async () => (await names({ show: "media" })).length === 1);
});

test("what a crash leaves of files that were being encrypted is deleted at the next start", async () => {
  await using world = await World.start();
  const [alice, , chat] = await two(world);
  const id = "0190b2a0-0000-7000-8000-000000000001" as MessageId;
  await alice.client.close();
  await alice.store.write([
    { kind: "put", place: { table: "unfinished-files", group: "", key: id }, value: [2] },
    { kind: "put", place: { table: "file-segments", group: `${id}/0`, key: 0 }, value: bytesOf(10) },
  ]);
  const again = await world.device("alice", { store: alice.store });
  await again.texts(chat, 1);
  for (const table of ["file-segments", "unfinished-files"]) expect(await alice.store.list(table)).toEqual([]);
});

test("[P10.3] a server that alters, swaps, cuts or withholds a file is named, and no part of the file is given", async () => {
  await using world = await World.start();
  const [alice, bob, chat] = await two(world);
  await alice.client.sendFiles(chat, [file("a.bin", bytesOf(200_000, 1)), file("b.bin", bytesOf(200_000, 2))]);
  const received = await filesIn(bob, chat);
  const { db, config } = world.server.core;
  const blobs = await db.selectFrom("blobs").select("id").orderBy("created_at_ms").execute();
  const paths = blobs.map(({ id }) => `${config.uploadDir}/blobs/${id}`);
  const [a, b] = await Promise.all(paths.map((path) => Bun.file(path).bytes()));
  const flipped = Uint8Array.from(a as Uint8Array, (byte, at) => (at === 70_000 ? byte ^ 1 : byte));
  for (const wrong of [flipped, b, a?.slice(0, -1), a?.slice(0, 65_552), new Uint8Array(0)]) {
    await Bun.write(paths[0] as string, wrong as Uint8Array);
    expect(await refusal(bob.client.openFile(chat, received.id, 0))).toBe("file-damaged");
  }
  await Bun.write(paths[0] as string, a as Uint8Array);
  expect((await open(bob, received)).length).toBe(200_000);
  bob.network.onRequest = (_, path) => {
    if (path.startsWith("/files/")) throw new Error("The connection was lost.");
  };
  expect(await refusal(bob.client.openFile(chat, received.id, 0))).toBe("offline");
});

test("[P10.4] what is too large, or more than there is room for, is refused before it is encrypted", async () => {
  await using world = await World.start({ config: { maxUploadBytes: 2 ** 20, userQuotaBytes: 2 ** 21 } });
  const [alice, bob, chat] = await two(world);
  expect(await alice.client.fileQuota()).toEqual({ maxUploadBytes: 2 ** 20, quotaBytes: 2 ** 21, usedBytes: 0 });
  expect(await refusal(alice.client.sendFiles(chat, [file("a", bytesOf(2 ** 20 + 1))]))).toBe("file-too-large");
  const three = [1, 2, 3].map((n) => file(`${n}`, bytesOf(900_000)));
  expect(await refusal(alice.client.sendFiles(chat, three))).toBe("quota-exceeded");
  await alice.client.sendFiles(chat, three.slice(1));
  await filesIn(bob, chat);
  // Offline nobody knows; later the message says so, and can be taken back.
  alice.network.cut();
  const { id } = await alice.client.sendFiles(chat, three.slice(0, 1));
  alice.network.restore();
  const failed = await until(alice.client, async () =>
    (await alice.client.history(chat)).messages.find((message) => message.id === id && message.state === "failed"),
  );
  expect(failed.problem?.code).toBe("quota-exceeded");
  await alice.client.discard(id);
  for (const table of ["file-segments", "outbox"])
    await eventually(`nothing is left in ${table}`, async () => (await alice.store.list(table)).length === 0);
});

test("[P9.10] files of a room are for those who may read them: a newcomer under shared history, not under joined", async () => {
  await using world = await World.start();
  const people = [await world.person("alice"), await world.person("bob"), await world.person("carol")] as const;
  await introduce(...people);
  const [alice, bob, carol] = people;
  for (const history of ["shared", "joined"] as const) {
    const room = await makeRoom(alice, [bob], { history });
    const bytes = bytesOf(100_000);
    await alice.client.sendFiles(room, [file("plan.pdf", bytes)], { caption: "the plan" });
    const received = await filesIn(bob, room);
    expect(Buffer.compare(await open(bob, received), bytes)).toBe(0);
    await alice.client.addToRoom(room, { account: await idOf(carol) });
    await eventually(
      "she is in",
      async () => (await carol.client.conversations()).find(({ id }) => id === room)?.room?.standing === "member",
    );
    if (history === "shared") expect(Buffer.compare(await open(carol, await filesIn(carol, room)), bytes)).toBe(0);
    else expect(await refusal(carol.client.openFile(room, received.id, 0))).toBe("not-found");
  }
});

test("a file can be the first thing that is said", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  const bytes = bytesOf(70_000);
  await alice.client.sendFiles(chat, [file("first.bin", bytes)]);
  expect(Buffer.compare(await open(bob, await filesIn(bob, chat)), bytes)).toBe(0);
});
