// What the simulation has found, each as the shortest story that shows it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { befriended, LyingServer, online, say, shownMessages, view, waitForTexts } from "../support/lying-server.ts";
import { until } from "../support/people.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(30_000);

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

test("a conversation that was blocked elsewhere during a device's very first look does not stay shown there", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  await say(bob, chat, "hello");
  await waitForTexts(alice, chat, "hello");
  const session = await bob.client.session();
  const bobsId = session.status === "ready" ? session.profile.id : null;
  const phone = await liar.device("alice");
  let isFirstLook = true;
  let isBlocked = false;
  phone.lies.before = async ({ path, query }) => {
    if (path !== "/conversations" || query.size > 0 || !isFirstLook) return;
    isFirstLook = false;
    // A message brings the conversation before the list does; the hint that takes it away is lost.
    await say(bob, chat, "meanwhile");
    await until(phone.client, async () => (await phone.client.conversations()).some(({ id }) => id === chat));
    phone.lies.frame = (frame) => (frame.type === "changed" ? null : frame);
    if (bobsId !== null) await alice.client.block(bobsId);
    isBlocked = true;
  };
  await phone.client.logIn({ email: alice.email, password: alice.password });
  await until(phone.client, async () => isBlocked);
  phone.lies.reconnect();
  await until(phone.client, async () => (await phone.client.conversations()).length === 0);
});
