import { expect, test } from "bun:test";
import { befriend, newPerson, type Person, until, wholeHistory } from "../support/people.ts";
import { randomFrom } from "../support/random.ts";
import { ServerProcess } from "../support/server-process.ts";

const seed = 20261123;
const kills = 4;
const messagesEach = 150;

test("after kill -9 under load and a restart, no acknowledged message is missing or doubled, and all are in order", async () => {
  const random = randomFrom(seed);
  await using server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  const pairs: [Person, Person][] = [];
  for (const [left, right] of [
    ["Ann", "Ben"],
    ["Cid", "Dot"],
  ] as const) {
    pairs.push([await newPerson(left, { url: server.url }), await newPerson(right, { url: server.url })]);
  }
  try {
    const talks = await Promise.all(
      pairs
        .flatMap(([a, b]) => [
          { from: a, to: b },
          { from: b, to: a },
        ])
        .map(async ({ from, to }) => ({ from, to, conversation: (await befriend(from, to)).id })),
    );

    const acknowledged = () =>
      Promise.all(
        talks.map(
          async ({ from, conversation }) =>
            (await wholeHistory(from.client, conversation)).filter((m) => m.mine && m.seq !== null).length,
        ),
      ).then((counts) => counts.reduce((sum, count) => sum + count, 0));

    const writing = talks.map(async ({ from, conversation }) => {
      for (let n = 1; n <= messagesEach; n++) await from.client.sendText(conversation, `${from.nickname} ${n}`);
    });
    const total = talks.length * messagesEach;
    for (let kill = 1; kill <= kills; kill++) {
      // At a moment that the seed picks: when so many messages were acknowledged.
      const moment = Math.floor((total * (kill - 0.5 + random() * 0.5)) / (kills + 1));
      const [{ from }] = talks as [(typeof talks)[number]];
      await until(from.client, async () => (await acknowledged()) >= moment, 60_000);
      await server.killHard();
      await server.start();
    }
    await Promise.all(writing);

    for (const { from, to, conversation } of talks) {
      const expected = Array.from({ length: messagesEach }, (_, index) => `${from.nickname} ${index + 1}`);
      const sent = await until(
        from.client,
        async () => {
          const mine = (await wholeHistory(from.client, conversation)).filter((m) => m.mine);
          return mine.length === messagesEach && mine.every((m) => m.seq !== null) && mine;
        },
        60_000,
      );
      expect(sent.map((m) => m.text)).toEqual(expected);
      const received = await until(
        to.client,
        async () => {
          const theirs = (await wholeHistory(to.client, conversation)).filter((m) => !m.mine);
          return theirs.length >= messagesEach && theirs;
        },
        60_000,
      );
      expect(received.map((m) => m.text)).toEqual(expected);
      expect(received.map((m) => [m.id, m.seq])).toEqual(sent.map((m) => [m.id, m.seq]));
      expect(received.filter((m) => m.problem !== null)).toEqual([]);
    }
  } finally {
    for (const person of pairs.flat()) await person.client.close();
  }
}, 180_000);
