// What one device has seen binds the others: pins travel in the vault.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { SignedJson } from "@cychat/protocol";
import { befriended, LyingServer, online, say, waitForTexts } from "../support/lying-server.ts";
import { until } from "../support/people.ts";

setDefaultTimeout(30_000);

test("[P3.5] a device that is held on a contact's old keys notices by what another device has pinned", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await befriended(liar);
  await say(alice, chat, "before");
  await waitForTexts(bob, chat, "before");
  const [view] = await alice.client.conversations();
  const id = view?.peer?.id;
  expect(id).toBeDefined();
  // From now on Alice's first device is shown no entry of Bob's log that it does not know.
  let known = 0;
  alice.lies.answer = ({ path, query }, body: { log?: SignedJson[] }) => {
    if (path !== `/keys/${id}` || body.log === undefined) return body;
    const from = query.has("after") ? Number(query.get("after")) + 1 : 0;
    known ||= from + 1;
    return { ...body, log: body.log.slice(0, Math.max(0, known - from)) };
  };
  alice.lies.push({ type: "changed", what: "keys", account: id });
  // Bob's log grows by a new device; Alice's second device sees it, and pins it in the vault.
  const bobElsewhere = await liar.device("Bob");
  await bobElsewhere.client.logIn({ email: bob.email, password: bob.password });
  const aliceElsewhere = await liar.device("Alice");
  await aliceElsewhere.client.logIn({ email: alice.email, password: alice.password });
  await online(aliceElsewhere);
  await say(bobElsewhere, chat, "from elsewhere");
  await waitForTexts(aliceElsewhere, chat, "before", "from elsewhere");
  const problem = await until(alice.client, async () => {
    const [view] = await alice.client.conversations();
    return view?.problem ?? undefined;
  });
  expect(problem.code).toBe("rollback");
});
