// A server that lies about messages: whatever it does to them is noticed, named, and never shown as genuine.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Entry, MessageEntry } from "@cychat/protocol";
import {
  type LiedTo,
  LyingServer,
  messageWith,
  online,
  problemOf,
  say,
  shownTexts,
  threePeople,
  view,
  waitForTexts,
} from "../support/lying-server.ts";
import { until } from "../support/people.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(30_000);

type Chat = Parameters<typeof shownTexts>[1];

/** Bob wrote these, and nobody lied so far. */
async function threeOfBobs(bob: LiedTo, chat: Chat): Promise<void> {
  for (const text of ["one", "two", "three"]) await say(bob, chat, text);
}

/** The rest of the world goes on: another conversation brings and takes messages, without a word of warning. */
async function otherGoesOn(alice: LiedTo, carol: LiedTo, other: Chat): Promise<void> {
  const [to, from] = [`to carol ${crypto.randomUUID()}`, `from carol ${crypto.randomUUID()}`];
  await say(alice, other, to);
  await waitForTexts(carol, other, to);
  await say(carol, other, from);
  await waitForTexts(alice, other, from);
  expect((await view(alice, other)).problem).toBeNull();
}

const renumbered = (entries: readonly Entry[]): Entry[] => entries.map((entry, index) => ({ ...entry, seq: index + 1 }));
const messagesOf = (entries: readonly Entry[]): MessageEntry[] => entries.filter((entry) => entry.kind === "message");
/** Changes the nth message (from 0), and nothing else. */
const nth = (entries: readonly Entry[], n: number, change: (entry: MessageEntry) => Entry): Entry[] => {
  const changed = messagesOf(entries)[n];
  return entries.map((entry) => (entry.kind === "message" && entry === changed ? change(entry) : entry));
};
const without = (entries: readonly Entry[], n: number): Entry[] => {
  const left = messagesOf(entries)[n];
  return entries.filter((entry) => entry !== left);
};

test("[P5.5] a message that the server leaves out is a gap before the next one", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  alice.lies.entries = (entries, id) => (id === chat ? renumbered(without(entries, 1)) : entries);
  await threeOfBobs(bob, chat);
  const after = await messageWith(alice, chat, "gap");
  expect(after.text).toBe("three");
  expect(await shownTexts(alice, chat)).toEqual(["one", "three"]);
  await otherGoesOn(alice, carol, other);
});

test("[P6.4] a hole in the numbers is named, and filled as soon as the server is honest again", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(bob, chat, "zero");
  await waitForTexts(alice, chat, "zero");
  alice.lies.entries = (entries, id) => (id === chat ? without(entries, 2) : entries);
  await threeOfBobs(bob, chat);
  await problemOf(alice, chat, "broken-chain");
  expect(await shownTexts(alice, chat)).not.toContain("three");
  await otherGoesOn(alice, carol, other);
  alice.lies.stop();
  alice.lies.reconnect();
  await waitForTexts(alice, chat, "one", "two", "three");
  expect(await shownTexts(alice, chat)).toEqual(["zero", "one", "two", "three"]);
});

test("[P5.5] an old message shown once more is named, and its copy is hidden", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  alice.lies.entries = (entries, id) => {
    const [first] = messagesOf(entries);
    return id === chat && first !== undefined && messagesOf(entries).length === 3 ? renumbered([...entries, first]) : entries;
  };
  await threeOfBobs(bob, chat);
  await problemOf(alice, chat, "replayed");
  expect(await shownTexts(alice, chat)).toEqual(["one", "two", "three"]);
  await otherGoesOn(alice, carol, other);
});

test("[P5.5] messages of one device in another order are named", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(bob, chat, "zero");
  await waitForTexts(alice, chat, "zero");
  alice.lies.frame = (frame) => (frame.type === "entry" && frame.conversation === chat ? null : frame);
  await threeOfBobs(bob, chat);
  alice.lies.entries = (entries, id) => {
    const [zero, one, two, three] = messagesOf(entries);
    const swapped = new Map<Entry | undefined, Entry | undefined>([
      [one, two],
      [two, one],
    ]);
    return id === chat && zero && three ? renumbered(entries.map((entry) => swapped.get(entry) ?? entry)) : entries;
  };
  alice.lies.reconnect();
  expect((await messageWith(alice, chat, "reordered")).text).toBe("one");
  await otherGoesOn(alice, carol, other);
});

test("the same frame many times, or frames in another order, do no harm", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await threePeople(liar);
  const seen: Parameters<LiedTo["lies"]["push"]>[0][] = [];
  alice.lies.frame = (frame) => {
    if (frame.type === "entry") seen.push(frame);
    return frame;
  };
  await threeOfBobs(bob, chat);
  await waitForTexts(alice, chat, "three");
  for (const frame of [...seen.toReversed(), ...seen]) alice.lies.push(frame);
  await say(bob, chat, "four");
  await waitForTexts(alice, chat, "four");
  expect(await shownTexts(alice, chat)).toEqual(["one", "two", "three", "four"]);
  expect((await view(alice, chat)).problem).toBeNull();
});

test("[P5.1] a single altered bit anywhere in an envelope makes it unreadable, and is named", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(bob, chat, "genuine");
  await waitForTexts(alice, chat, "genuine");
  alice.lies.entries = (entries, id) => {
    if (id !== chat) return entries;
    const flipped = (entry: MessageEntry, at: number): Entry => {
      const bytes = Uint8Array.fromBase64(entry.envelope, { alphabet: "base64url" });
      const index = at < 0 ? bytes.length + at : at;
      bytes[index] = (bytes[index] ?? 0) ^ 1;
      return { ...entry, envelope: bytes.toBase64({ alphabet: "base64url", omitPadding: true }) };
    };
    // In the header, in the ciphertext, in its tag.
    return nth(
      nth(
        nth(entries, 1, (entry) => flipped(entry, 20)),
        2,
        (entry) => flipped(entry, -100),
      ),
      3,
      (entry) => flipped(entry, -1),
    );
  };
  await threeOfBobs(bob, chat);
  const shown = await until(alice.client, async () => {
    const { messages } = await alice.client.history(chat);
    return messages.length === 4 && messages;
  });
  for (const message of shown.slice(1)) {
    expect(message).toMatchObject({ kind: "unreadable", text: "" });
    expect(message.problem?.message.length).toBeGreaterThan(10);
  }
  await otherGoesOn(alice, carol, other);
});

test("[P5.4] a message that is attributed to somebody else is not shown as theirs", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  const session = await alice.client.session();
  const me = session.status === "ready" ? session.profile.id : undefined;
  alice.lies.entries = (entries, id) => (id === chat && me ? nth(entries, 0, (entry) => ({ ...entry, sender: me })) : entries);
  await threeOfBobs(bob, chat);
  const wrong = await messageWith(alice, chat, "not-a-message");
  expect(wrong).toMatchObject({ kind: "unreadable", text: "" });
  await waitForTexts(alice, chat, "two", "three");
  await otherGoesOn(alice, carol, other);
});

test("[P4.2] a message from another conversation is not shown in this one", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(carol, other, "for her alone");
  await waitForTexts(alice, other, "for her alone");
  const { db } = liar.server.core;
  const stored = await db
    .selectFrom("entries")
    .selectAll()
    .where("conversation", "=", other)
    .where("kind", "=", "message")
    .executeTakeFirstOrThrow();
  alice.lies.entries = (entries, id) => {
    if (id !== chat || stored.envelope === null) return entries;
    const { message_id, sender, device, at_ms, envelope } = stored;
    const moved = {
      kind: "message",
      seq: 0,
      at_ms,
      id: message_id,
      sender,
      device,
      envelope: new Uint8Array(envelope).toBase64({ alphabet: "base64url", omitPadding: true }),
    };
    return renumbered([...entries, moved as Entry]);
  };
  await say(bob, chat, "genuine");
  const wrong = await messageWith(alice, chat, "not-a-message", "wrong-conversation", "unknown-device", "not-a-member");
  expect(wrong).toMatchObject({ kind: "unreadable", text: "" });
  expect(await shownTexts(alice, chat)).not.toContain("for her alone");
});

test("[P6.5] an erasure that no signed deletion explains is named", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  alice.lies.entries = (entries, id) => {
    if (id !== chat) return entries;
    return nth(entries, 1, ({ seq, at_ms, id: message, sender, device }) => ({
      kind: "erased",
      seq,
      at_ms,
      id: message,
      sender,
      device,
    }));
  };
  await threeOfBobs(bob, chat);
  const erased = await messageWith(alice, chat, "unexplained-erasure");
  expect(erased).toMatchObject({ kind: "deleted", text: "" });
  await waitForTexts(alice, chat, "one", "three");
  await otherGoesOn(alice, carol, other);
});

test("a newest message that was withheld for a while arrives once, without a warning", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await threePeople(liar);
  await threeOfBobs(bob, chat);
  await waitForTexts(alice, chat, "three");
  alice.lies.entries = (entries, id) => (id === chat ? entries.slice(0, 4) : entries);
  await say(bob, chat, "four");
  alice.lies.reconnect();
  await online(alice);
  expect(await shownTexts(alice, chat)).toEqual(["one", "two", "three"]);
  alice.lies.stop();
  alice.lies.reconnect();
  await waitForTexts(alice, chat, "four");
  expect(await shownTexts(alice, chat)).toEqual(["one", "two", "three", "four"]);
  expect((await view(alice, chat)).problem).toBeNull();
});

test("[P4.6] a conversation that is shorter than it was is a rollback, and what is here stays", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await threeOfBobs(bob, chat);
  await waitForTexts(alice, chat, "three");
  alice.lies.entries = (entries, id) => (id === chat ? entries.slice(0, 2) : entries);
  // So that the list names it.
  await say(bob, chat, "four");
  alice.lies.reconnect();
  await problemOf(alice, chat, "rollback");
  expect(await shownTexts(alice, chat)).toEqual(["one", "two", "three"]);
  await otherGoesOn(alice, carol, other);
});

test("[P4.6] another message at a number that is known is a fork", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await threeOfBobs(bob, chat);
  await waitForTexts(alice, chat, "three");
  // The server lost the newest messages and goes on from there: "four" takes the number that "two" had.
  alice.lies.frame = (frame) => {
    if (frame.type !== "entry" || frame.conversation !== chat) return frame;
    return { ...frame, entry: { ...(frame.entry as Entry), seq: 3 } };
  };
  await say(bob, chat, "four");
  await problemOf(alice, chat, "fork");
  await otherGoesOn(alice, carol, other);
});

test("an acknowledgement with a number that is somebody else's is not believed", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await threeOfBobs(bob, chat);
  await waitForTexts(alice, chat, "three");
  alice.lies.frame = (frame) => (frame.type === "ack" && frame.conversation === chat ? { ...frame, seq: 2 } : frame);
  await alice.client.sendText(chat, "mine");
  await problemOf(alice, chat, "fork");
  expect(await shownTexts(alice, chat)).toEqual(["one", "two", "three", "mine"]);
  expect((await alice.client.history(chat)).messages.at(-1)?.seq).toBeNull();
  await otherGoesOn(alice, carol, other);
});
