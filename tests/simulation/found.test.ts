// What the simulation has found, each as the shortest story that shows it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { befriended, type LiedTo, LyingServer, online, say, shownMessages, view, waitForTexts } from "../support/lying-server.ts";
import { until } from "../support/people.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(30_000);

/** A new device has read the list of conversations once. */
async function firstLookOf({ store }: LiedTo): Promise<void> {
  const place = { table: "sync", group: "", key: "only" };
  while ((await store.read(place)) === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
}

const monthMs = 31 * 24 * 3600_000;

test("what was read right before the app was closed is told at the next start", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  const { seq } = await say(bob, chat, "hello");
  await waitForTexts(alice, chat, "hello");
  await alice.client.markRead(chat, seq ?? 0);
  await alice.client.close();
  const again = await liar.device("alice", { store: alice.store });
  // As after more than the two seconds that a list looks back: nothing has changed in the conversation itself.
  again.lies.answer = ({ path }, body: object) => (path === "/conversations" ? { ...body, conversations: [] } : body);
  await until(bob.client, async () => (await shownMessages(bob.client, chat))[0]?.state === "read");
});

test("unread messages that the server counted are not counted again when one scrolls back to them", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  await Promise.all(Array.from({ length: 120 }, (_, n) => bob.client.sendText(chat, `number ${n}`)));
  await waitForTexts(alice, chat, "number 119");
  const phone = await liar.device("alice");
  await phone.client.logIn({ email: alice.email, password: alice.password });
  await until(phone.client, async () => {
    const [found] = await phone.client.conversations();
    return found?.unread === 120;
  });
  expect(await shownMessages(phone.client, chat)).toHaveLength(120);
  expect((await view(phone, chat)).unread).toBe(120);
});

test("two devices log in while the encryption key is due: one rolls it, the other is not told of a rollback", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  const [first, second] = [await liar.device("alice", { aheadMs: monthMs }), await liar.device("alice", { aheadMs: monthMs })];
  const { email, password } = alice;
  // The second one has read the vault already when the first one rolls the key.
  let isFirstIn = false;
  second.lies.before = async ({ method, path }) => {
    if (method !== "POST" || path !== "/keys/log" || isFirstIn) return;
    isFirstIn = true;
    await first.client.logIn({ email, password });
  };
  await second.client.logIn({ email, password });
  await online(second);
  await say(bob, chat, "hello");
  for (const device of [alice, first, second]) await waitForTexts(device, chat, "hello");
});

test("a late answer does not bring back a conversation that was blocked meanwhile", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  const phone = await liar.device("alice");
  await phone.client.logIn({ email: alice.email, password: alice.password });
  await firstLookOf(phone);
  const isShown = async () => (await phone.client.conversations()).some(({ id }) => id === chat);
  const [held, isBlocked, isTaken] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  let asked = 0;
  phone.lies.answer = async ({ path }, body) => {
    if (path !== `/conversations/${chat}`) return body;
    asked += 1;
    if (asked > 1) return body;
    // The answer to the first question comes last.
    held.resolve();
    await isBlocked.promise;
    setTimeout(isTaken.resolve);
    return body;
  };
  phone.lies.frame = (frame) => (frame.type === "changed" ? null : frame);
  await say(bob, chat, "hello");
  await held.promise;
  phone.lies.frame = (frame) => frame;
  phone.lies.push({ type: "changed", what: "conversations", conversation: chat });
  await until(phone.client, isShown);
  const { id } = (await alice.client.contacts()).find(({ nickname }) => nickname === "bob") ?? {};
  if (id !== undefined) await alice.client.block(id);
  await until(phone.client, async () => !(await isShown()));
  isBlocked.resolve();
  await isTaken.promise;
  // Whatever was asked before this has been taken by now.
  await phone.client.setMuted(chat, true);
  expect(await isShown()).toBe(false);
});

test("what another device reads while a new one waits for its first list is read there, too", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  const { seq } = await say(bob, chat, "hello");
  await waitForTexts(alice, chat, "hello");
  const phone = await liar.device("alice");
  const [isListed, isTold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  // The list is as old as the moment at which it was made; the receipt overtakes it.
  phone.lies.answer = async ({ path }, body) => {
    if (path !== "/conversations") return body;
    isListed.resolve();
    await isTold.promise;
    return body;
  };
  phone.lies.frame = (frame) => {
    if (frame.type === "receipt" && frame.read_seq === seq) setTimeout(isTold.resolve);
    return frame;
  };
  await phone.client.logIn({ email: alice.email, password: alice.password });
  await isListed.promise;
  await alice.client.markRead(chat, seq ?? 0);
  await until(phone.client, async () => {
    const [found] = await phone.client.conversations();
    return found !== undefined && found.readSeq === seq;
  });
});
