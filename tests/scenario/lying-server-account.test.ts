// A server that lies about one's own account: its vault, its log, its parameters, its name.
import { expect, setDefaultTimeout, test } from "bun:test";
import { fromBase64url, type SignedJson, toBase64url, type VersionedBox } from "@cychat/protocol";
import { assertPlain, befriended, type LiedTo, LyingServer, online, say, waitForTexts } from "../support/lying-server.ts";
import { until } from "../support/people.ts";

setDefaultTimeout(30_000);

interface OwnKeys {
  readonly log: SignedJson[];
  readonly vault: VersionedBox;
  readonly wraps: SignedJson;
}

/** What the server answers about the account's own keys, changed on its way. */
function showOwnKeys(person: LiedTo, change: (keys: OwnKeys) => OwnKeys): void {
  person.lies.answer = ({ method, path }, body: never) => {
    if (method === "GET" && path === "/keys") return change(body);
    if (method === "GET" && path === "/keys/vault")
      return change({ log: [], wraps: { payload: "", signature: "" }, vault: body }).vault;
    return body;
  };
}

async function problemOfAccount(person: LiedTo, ...codes: readonly string[]): Promise<void> {
  const found = await until(person.client, async () => {
    const session = await person.client.session();
    return session.status === "ready" && session.problem !== null && codes.includes(session.problem.code) && session.problem;
  });
  assertPlain(found);
}

async function noProblemOfAccount(person: LiedTo): Promise<void> {
  await until(person.client, async () => {
    const session = await person.client.session();
    return session.status === "ready" && session.problem === null;
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "not refused";
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    assertPlain({ code, message });
    return code;
  }
}

async function ownKeys({ lies, client }: LiedTo): Promise<OwnKeys> {
  const seen = Promise.withResolvers<OwnKeys>();
  showOwnKeys({ lies } as LiedTo, (keys) => {
    if (keys.log.length > 0) seen.resolve(keys);
    return keys;
  });
  lies.reconnect();
  const keys = await seen.promise;
  lies.stop();
  await until(client, async () => (await client.connection()).status === "online");
  return keys;
}

test("[P3.16] an older vault is a rollback, and messages go on", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  const old = await ownKeys(alice);
  await alice.client.setMuted(chat, true);
  await alice.client.setMuted(chat, false);
  showOwnKeys(alice, (keys) => ({ ...keys, vault: old.vault }));
  alice.lies.reconnect();
  await problemOfAccount(alice, "rollback");
  await say(alice, chat, "hello");
  await waitForTexts(bob, chat, "hello");
  await say(bob, chat, "hello, too");
  await waitForTexts(alice, chat, "hello, too");
  alice.lies.stop();
  alice.lies.reconnect();
  await noProblemOfAccount(alice);
});

test("[P3.16] another vault of a version that was seen is a fork", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  showOwnKeys(alice, (keys) => {
    const ciphertext = fromBase64url(keys.vault.ciphertext);
    ciphertext[30] = (ciphertext[30] ?? 0) ^ 1;
    return { ...keys, vault: { ...keys.vault, ciphertext: toBase64url(ciphertext) } };
  });
  alice.lies.reconnect();
  await problemOfAccount(alice, "fork");
  await say(alice, chat, "hello");
  await waitForTexts(bob, chat, "hello");
});

test("[P3.16] a newer vault that does not open is not taken", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  showOwnKeys(alice, (keys) => ({ ...keys, vault: { ...keys.vault, version: keys.vault.version + 1 } }));
  alice.lies.reconnect();
  await problemOfAccount(alice, "wrong-key", "malformed-structure");
  await say(alice, chat, "hello");
  await waitForTexts(bob, chat, "hello");
  alice.lies.stop();
  alice.lies.reconnect();
  await noProblemOfAccount(alice);
});

test("[P3.5] a shorter log of one's own is a rollback", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  alice.lies.answer = ({ path, query }, body: { log?: SignedJson[] }) => {
    if (!path.startsWith("/keys") || body.log === undefined) return body;
    return { ...body, log: query.has("after") ? [] : body.log.slice(0, 2) };
  };
  alice.lies.reconnect();
  await problemOfAccount(alice, "rollback");
  await say(alice, chat, "hello");
  await waitForTexts(bob, chat, "hello");
});

test("[P3.12] an older statement of the ways to unlock is a rollback", async () => {
  await using liar = await LyingServer.start();
  const { alice } = await befriended(liar);
  const old = await ownKeys(alice);
  await alice.client.prepareRecoveryKey({ password: alice.password });
  await alice.client.confirmRecoveryKey();
  showOwnKeys(alice, (keys) => ({ ...keys, wraps: old.wraps }));
  alice.lies.reconnect();
  await problemOfAccount(alice, "rollback");
});

test("[P3.13] weak parameters, and endless ones, stop the log-in before anything of the password leaves", async () => {
  await using liar = await LyingServer.start();
  const { email, password } = await liar.person("alice");
  for (const change of [{ memory_kib: 1024 }, { passes: 1 }, { memory_kib: 1024 * 1024 }, { passes: 100 }, { lanes: 16 }]) {
    const phone = await liar.device("alice");
    phone.lies.answer = ({ path }, body: object) => (path === "/auth/parameters" ? { ...body, ...change } : body);
    expect(await codeOf(phone.client.logIn({ email, password }))).toBe("weak-parameters");
    expect(phone.lies.asked.map(({ path }) => path)).toEqual(["/auth/parameters"]);
    expect((await phone.client.session()).status).toBe("signed-out");
  }
});

test("[P3.1] a log-in that is answered with another account's name does not open", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob } = await befriended(liar);
  const session = await bob.client.session();
  const bobsId = session.status === "ready" ? session.profile.id : "";
  const phone = await liar.device("alice");
  phone.lies.answer = (_request, body: { user?: { id: string } }) =>
    body.user === undefined ? body : { ...body, user: { ...body.user, id: bobsId } };
  const code = await codeOf(phone.client.logIn({ email: alice.email, password: alice.password }));
  expect(["broken-chain", "wrong-key", "identity-changed", "bad-signature"]).toContain(code);
  expect((await phone.client.session()).status).toBe("signed-out");
});

test("[P3.12] a log-in with somebody else's keys does not open", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob } = await befriended(liar);
  const bobs = await ownKeys(bob);
  const phone = await liar.device("alice");
  showOwnKeys(phone, () => bobs);
  const code = await codeOf(phone.client.logIn({ email: alice.email, password: alice.password }));
  expect(["broken-chain", "wrong-key", "identity-changed", "bad-signature"]).toContain(code);
  expect((await phone.client.session()).status).toBe("signed-out");
});

test("[P3.1] a log-in to an older vault than other devices have opened is a rollback", async () => {
  await using liar = await LyingServer.start();
  const { alice, chat } = await befriended(liar);
  const old = await ownKeys(alice);
  await alice.client.setMuted(chat, true);
  const laptop = await liar.device("alice");
  await laptop.client.logIn({ email: alice.email, password: alice.password });
  await online(laptop);
  const phone = await liar.device("alice");
  showOwnKeys(phone, (keys) => ({ ...keys, vault: old.vault }));
  expect(await codeOf(phone.client.logIn({ email: alice.email, password: alice.password }))).toBe("rollback");
  expect((await phone.client.session()).status).toBe("signed-out");
});
