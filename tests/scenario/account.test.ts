// Signing in and out, and what a person holds to get in again.
import { expect, test } from "bun:test";
import { ClientError } from "@cychat/sdk/bun";
import { type Person, password, ShiftedClock, World } from "./world.ts";

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClientError);
  return (error as ClientError).code;
}

async function recoveryKeyOf(person: Person): Promise<string> {
  const { words, base32 } = await person.client.prepareRecoveryKey();
  expect(words).toHaveLength(24);
  await person.client.confirmRecoveryKey();
  return base32;
}

test("a wrong password is refused, and nothing stays behind", async () => {
  await using world = await World.start();
  await world.person("alice");
  const phone = await world.device("alice");
  expect(await refusal(phone.client.logIn({ email: "alice@example.org", password: "wrong password" }))).toBe("wrong-credentials");
  expect(await refusal(phone.client.logIn({ email: "nobody@example.org", password }))).toBe("wrong-credentials");
  expect((await phone.client.session()).status).toBe("signed-out");
  expect(await refusal(phone.client.conversations())).toBe("signed-out");
});

test("an install that was open is open again without a password, also offline", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await bob.client.sendText(chat, "hello");
  await alice.texts(chat, 1);
  await alice.client.close();
  alice.network.cut();
  const again = await world.device("alice", { store: alice.store, network: alice.network });
  expect((await again.client.session()).status).toBe("ready");
  expect(await again.allTexts(chat)).toEqual(["hello"]);
  expect((await again.client.connection()).status).toBe("offline");
  again.network.restore();
  await again.online();
});

test("a registration that was cut off before its keys is healed by the next log-in", async () => {
  await using world = await World.start();
  const alice = await world.device("alice");
  alice.network.onRequest = (method, path) => {
    if (method === "POST" && path === "/keys") alice.network.cut();
  };
  expect(await refusal(alice.client.register({ nickname: "alice", email: alice.email, password }))).toBe("offline");
  expect((await alice.client.session()).status).toBe("locked");
  alice.network.onRequest = () => {};
  alice.network.restore();
  await alice.client.logIn({ email: alice.email, password });
  expect((await alice.client.session()).status).toBe("ready");
  const bob = await world.person("bob");
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "it works");
  expect(await bob.texts(chat, 1)).toEqual(["it works"]);
});

test("a log-in with the recovery key opens everything, and leads to a new password", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "before");
  await bob.texts(chat, 1);
  const recoveryKey = await recoveryKeyOf(alice);
  const session = await alice.client.session();
  expect(session).toMatchObject({ status: "ready", hasRecoveryKey: true, recoveryReminderDue: false });

  const phone = await world.device("alice");
  const wrong = `${recoveryKey.slice(0, -1)}${recoveryKey.endsWith("0") ? "1" : "0"}`;
  expect(await refusal(phone.client.logInWithRecoveryKey({ email: alice.email, recoveryKey: wrong }))).toBe("wrong-recovery-key");
  await phone.client.logInWithRecoveryKey({ email: alice.email, recoveryKey });
  expect(await phone.client.session()).toMatchObject({ status: "ready", shouldSetPassword: true });
  expect(await phone.texts(chat, 1)).toEqual(["before"]);

  await phone.client.setPasswordWithRecoveryKey({ recoveryKey, newPassword: "a new password" });
  expect(await phone.client.session()).toMatchObject({ status: "ready", shouldSetPassword: false, hasRecoveryKey: true });
  const tablet = await world.device("alice");
  expect(await refusal(tablet.client.logIn({ email: alice.email, password }))).toBe("wrong-credentials");
  await tablet.client.logIn({ email: alice.email, password: "a new password" });
  expect(await tablet.texts(chat, 1)).toEqual(["before"]);
});

test("changing the password asks for the present one, signs the others out, and keeps the history", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "before");
  await bob.texts(chat, 1);
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  await phone.online();

  const wrong = alice.client.changePassword({ currentPassword: "not this one", newPassword: "a new password" });
  expect(await refusal(wrong)).toBe("wrong-password");
  await alice.client.changePassword({ currentPassword: password, newPassword: "a new password" });
  await phone.until("is signed out", async () => (await phone.client.session()).status === "signed-out");
  expect(await phone.client.session()).toEqual({ status: "signed-out", reason: "revoked" });

  await phone.client.logIn({ email: alice.email, password: "a new password" });
  expect(await phone.texts(chat, 1)).toEqual(["before"]);
});

test("a session that is revoked elsewhere is signed out at once, and nothing of it stays in the store", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  await bob.client.sendText(chat, "a secret");
  await phone.texts(chat, 1);
  const other = (await alice.client.sessions()).find((session) => !session.current);
  await alice.client.revokeSession(other?.id ?? "");
  await phone.until("is signed out", async () => (await phone.client.session()).status === "signed-out");
  expect(await phone.client.session()).toEqual({ status: "signed-out", reason: "revoked" });
  for (const table of ["session", "tokens", "vault", "history", "conversations", "keyrings", "accounts", "contacts"]) {
    expect(await phone.store.list(table)).toEqual([]);
  }
  expect(await phone.store.readKey("vault")).toBeUndefined();
  expect(await phone.store.readKey("device")).toBeUndefined();
  expect((await alice.client.session()).status).toBe("ready");
});

test("logging out waits for what is unsent, refuses to lose it, and clears everything when forced", async () => {
  await using world = await World.start();
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "sent before leaving");
  await alice.client.logOut();
  expect(await bob.texts(chat, 1)).toEqual(["sent before leaving"]);
  expect(await alice.client.session()).toEqual({ status: "signed-out", reason: "log-out" });

  await alice.client.logIn({ email: alice.email, password });
  await alice.texts(chat, 1);
  alice.network.cut();
  await alice.client.sendText(chat, "never sent");
  await alice.client.logOut({ force: true });
  expect((await alice.client.session()).status).toBe("signed-out");
  expect(await alice.store.list("outbox")).toEqual([]);
});

test("postponing the recovery key reminds after a day, then three, then weekly, on every device", async () => {
  await using world = await World.start();
  const clock = new ShiftedClock();
  const alice = await world.person("alice", { clock });
  const isDue = async (person: Person) =>
    (await person.client.session().then((session) => "recoveryReminderDue" in session && session.recoveryReminderDue)) === true;
  expect(await isDue(alice)).toBe(true);
  const dayMs = 24 * 3600 * 1000;
  await alice.client.postponeRecoveryKey();
  expect(await isDue(alice)).toBe(false);
  const phone = await world.device("alice");
  await phone.client.logIn({ email: alice.email, password });
  expect(await isDue(phone)).toBe(false);
  for (const days of [1, 3, 7, 7]) {
    clock.aheadMs += days * dayMs - 60_000;
    expect(await isDue(alice)).toBe(false);
    clock.aheadMs += 120_000;
    expect(await isDue(alice)).toBe(true);
    await alice.client.postponeRecoveryKey();
    expect(await isDue(alice)).toBe(false);
  }
});
