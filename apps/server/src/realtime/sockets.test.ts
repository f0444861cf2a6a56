import { expect, test } from "bun:test";
import { apiBase, closeCodes, endpoints, heartbeat, limits } from "@cychat/protocol";
import { envelopeOf } from "../testing/test-chat.ts";
import { startTestServer } from "../testing/test-server.ts";
import { openSocket } from "../testing/test-socket.ts";

const socketUrl = (server: { url: string }) => `${server.url}${apiBase}/ws`;

test("a socket is authenticated by its first frame, by subprotocol or by header, and welcomed", async () => {
  await using server = await startTestServer();
  const alice = await server.account("alice");
  using byFrame = openSocket(socketUrl(server));
  byFrame.raw.onopen = () => byFrame.send({ type: "hello", token: alice.token });
  using byProtocol = openSocket(socketUrl(server), {}, ["cychat", alice.token]);
  using byHeader = openSocket(socketUrl(server), { authorization: `Bearer ${alice.token}` });
  for (const socket of [byFrame, byProtocol, byHeader]) {
    expect(await socket.next("welcome")).toMatchObject({ account: alice.id, device: alice.device });
  }
  expect(byProtocol.raw.protocol).toBe("cychat");
});

test("a token in the address opens nothing", async () => {
  await using server = await startTestServer({ timings: { helloMs: 50, reapEveryMs: 20 } });
  const alice = await server.account("alice");
  using socket = openSocket(`${socketUrl(server)}?token=${alice.token}&access_token=${alice.token}`);
  expect(await socket.closed).toBe(closeCodes.notAuthenticated);
  expect(socket.all).toEqual([]);
});

test("without a valid token a socket is closed with 4401, and told why", async () => {
  await using server = await startTestServer({ timings: { helloMs: 100, reapEveryMs: 20 } });
  using silent = openSocket(socketUrl(server));
  using wrong = openSocket(socketUrl(server), { authorization: "Bearer not.a.token" });
  using odd = openSocket(socketUrl(server), { authorization: "Basic abc" });
  using helloWrong = openSocket(socketUrl(server));
  helloWrong.raw.onopen = () => helloWrong.send({ type: "hello", token: "nonsense" });
  using other = openSocket(socketUrl(server));
  other.raw.onopen = () => other.send({ type: "ping" });
  for (const socket of [silent, wrong, odd, helloWrong, other]) expect(await socket.closed).toBe(closeCodes.notAuthenticated);
  expect(await wrong.next("bye")).toMatchObject({ code: "token-invalid" });
  expect(await odd.next("bye")).toMatchObject({ code: "not-authenticated" });
  expect(await helloWrong.next("bye")).toMatchObject({ code: "token-invalid" });
});

test("frames that are none are refused one by one, and the connection stays", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  using socket = await alice.connect();
  const { text } = envelopeOf(chat, alice);
  const send = { type: "send", conversation: chat.id, envelope: text };
  const wrong: [unknown, string | null][] = [
    ["", null],
    ["{", null],
    ["null", null],
    ["[]", null],
    ['"text"', null],
    ["{}", null],
    ['{"type":7}', null],
    ['{"type":"__proto__"}', null],
    ['{"type":"constructor"}', null],
    [{ type: "shout" }, null],
    [{ ...send, extra: 1 }, "send"],
    [{ ...send, envelope: 5 }, "send"],
    [{ ...send, envelope: "no base64url!" }, "send"],
    [{ ...send, conversation: "short" }, "send"],
    [{ type: "send" }, "send"],
    [{ type: "receipt", conversation: chat.id, read_seq: -1 }, "receipt"],
    [{ type: "receipt", conversation: chat.id, read_seq: 1.5 }, "receipt"],
    [{ type: "receipt", conversation: chat.id, read_seq: 1e300 }, "receipt"],
    [{ type: "typing", conversation: chat.id, active: "yes" }, "typing"],
    [{ type: "ping", at: 1 }, "ping"],
    [{ type: "hello", token: alice.token }, "hello"],
    [`${"[".repeat(50_000)}`, null],
  ];
  for (const [frame, type] of wrong) {
    socket.sendText(typeof frame === "string" ? frame : JSON.stringify(frame));
    const refused = await socket.next("refused");
    expect([frame, refused.frame, refused.code]).toEqual([frame, type, "malformed-frame"]);
    expect(JSON.stringify(refused.details ?? null)).not.toContain(text);
  }
  socket.sendText(new Uint8Array([1, 2, 3]));
  expect((await socket.next("refused")).code).toBe("malformed-frame");
  socket.send(send);
  expect((await socket.next("ack")).seq).toBe(2);
});

test("a frame over the limit closes the socket with 1009", async () => {
  await using server = await startTestServer();
  const alice = await server.account("alice");
  using socket = await alice.connect();
  socket.sendText(" ".repeat(limits.frameBytes + 1));
  expect(await socket.closed).toBe(closeCodes.tooLarge);
  using wide = await alice.connect();
  wide.sendText("\u20ac".repeat(limits.frameBytes / 3 + 1));
  expect(await wide.closed).toBe(closeCodes.tooLarge);
});

test("receipts and typing for conversations of others are refused like those that do not exist", async () => {
  await using server = await startTestServer();
  const [alice, bob, carol] = await Promise.all([server.account("alice"), server.account("bob"), server.account("carol")]);
  const chat = await alice.startChat(bob);
  using socket = await carol.connect();
  for (const conversation of [chat.id, `${"B".repeat(42)}A`]) {
    socket.send({ type: "receipt", conversation, read_seq: 1 });
    expect(await socket.next("refused")).toMatchObject({ frame: "receipt", conversation, code: "not-found" });
    socket.send({ type: "typing", conversation, active: true });
    expect(await socket.next("refused")).toMatchObject({ frame: "typing", conversation, code: "not-found" });
  }
});

test("sites of others open no socket; our own, listed ones and programs do", async () => {
  await using server = await startTestServer({
    config: { corsOrigins: ["https://app.example.org"], publicUrl: "https://chat.example.org" },
  });
  const alice = await server.account("alice");
  const authorization = `Bearer ${alice.token}`;
  for (const origin of ["https://evil.example", "null", "https://app.example.org.evil.example"]) {
    using socket = openSocket(socketUrl(server), { authorization, origin });
    await expect(socket.next("welcome")).rejects.toThrow();
  }
  for (const origin of [server.url, "https://app.example.org", "https://chat.example.org"]) {
    using socket = openSocket(socketUrl(server), { authorization, origin });
    expect((await socket.next("welcome")).account).toBe(alice.id);
  }
});

test("signing a session out closes its sockets at once with 4404, and no others", async () => {
  await using server = await startTestServer();
  const alice = await server.account("alice");
  const [first, second] = await Promise.all([alice.connect(), alice.connect()]);
  const otherSession = crypto.randomUUID();
  server.core.events.sessionRevoked(alice.id, otherSession as typeof alice.session);
  await first.settled();
  await alice.call(endpoints.logout, {});
  expect(await first.closed).toBe(closeCodes.sessionRevoked);
  expect(await second.closed).toBe(closeCodes.sessionRevoked);
});

test("an account has a limited number of connections", async () => {
  await using server = await startTestServer();
  const alice = await server.account("alice");
  const sockets = await Promise.all(Array.from({ length: limits.connectionsPerAccount }, () => alice.connect()));
  using tooMany = openSocket(socketUrl(server), { authorization: `Bearer ${alice.token}` });
  expect(await tooMany.closed).toBe(closeCodes.tooManyConnections);
  sockets[0]?.close();
  await sockets[0]?.closed;
  using again = await alice.connect();
  await again.settled();
});

test("a silent connection is cut off; one that pings stays", async () => {
  await using server = await startTestServer({ timings: { silentMs: 300, reapEveryMs: 20 } });
  const alice = await server.account("alice");
  const [silent, alive] = await Promise.all([alice.connect(), alice.connect()]);
  const pinging = setInterval(() => alive.send({ type: "ping" }), 50);
  await silent.closed;
  await alive.settled();
  clearInterval(pinging);
  expect(heartbeat.clientPingMs).toBeLessThan(heartbeat.serverTimeoutMs);
});

test("more unacknowledged sends than a socket may have are answered overloaded", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  using socket = await alice.connect();
  // A transaction of somebody else keeps the disk busy, so that nothing is acknowledged meanwhile.
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const blocking = server.core.db.transaction().execute(() => held);
  const sent = Array.from({ length: limits.unacknowledgedPerConnection + 5 }, () => envelopeOf(chat, alice, { bytes: 32 }));
  for (const { text } of sent) socket.send({ type: "send", conversation: chat.id, envelope: text });
  for (let refusal = 0; refusal < 5; refusal++) expect((await socket.next("refused")).code).toBe("overloaded");
  release();
  await blocking;
  for (const { id } of sent.slice(0, limits.unacknowledgedPerConnection)) await socket.next("ack", (frame) => frame.id === id);
});

test("a client that does not read is cut off, and finds everything by number when it comes back", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  const { hostname, port } = new URL(server.url);
  const { promise: cutOff, resolve } = Promise.withResolvers<void>();
  const welcomed = Promise.withResolvers<void>();
  const stalled = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open(tcp) {
        tcp.write(
          `GET ${apiBase}/ws HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
            `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer ${bob.token}\r\n\r\n`,
        );
      },
      data(tcp, bytes) {
        if (!bytes.includes("welcome")) return;
        tcp.pause();
        welcomed.resolve();
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  await welcomed.promise;
  using sender = await alice.connect();
  const metrics = async () => (await fetch(`${server.url}/metrics`)).text();
  let sent = 0;
  // Until the kernel's buffers and the megabyte of ours are full.
  while ((await metrics()).includes("cychat_connections 2")) {
    expect(sent).toBeLessThan(400);
    const batch = Array.from({ length: 10 }, () => envelopeOf(chat, alice, { bytes: 100_000 }));
    for (const { text } of batch) sender.send({ type: "send", conversation: chat.id, envelope: text });
    for (const { id } of batch) await sender.next("ack", (frame) => frame.id === id);
    sent += batch.length;
  }
  expect(await metrics()).toContain("cychat_connections_too_slow_total 1");
  stalled.resume();
  await cutOff;
  const entries = await bob.entries(chat.id, { after: "1", limit: "200" });
  expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: Math.min(sent, 200) }, (_, index) => index + 2));
}, 30_000);

test("stopping says bye, stores and acknowledges what was accepted, and closes with 1012", async () => {
  const server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  const socket = await alice.connect();
  const sent = Array.from({ length: 100 }, () => envelopeOf(chat, alice));
  for (const { text } of sent) socket.send({ type: "send", conversation: chat.id, envelope: text });
  await socket.next("ack");
  const stopped = server.stop();
  expect(await socket.next("bye")).toMatchObject({ code: "shutting-down" });
  expect(await socket.closed).toBe(closeCodes.shuttingDown);
  await stopped;
  const answered = socket.all.filter(({ type }) => type === "ack" || type === "refused");
  await using again = await startTestServer({ folder: server.folder });
  const { count } = await again.core.db
    .selectFrom("entries")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("kind", "=", "message")
    .executeTakeFirstOrThrow();
  expect(count).toBe(answered.filter(({ type }) => type === "ack").length);
});
