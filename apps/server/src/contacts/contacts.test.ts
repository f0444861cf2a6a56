import { describe, expect, test } from "bun:test";
import { type TestAccount, TestApi } from "../testing/test-api.ts";

async function three(api: TestApi): Promise<[TestAccount, TestAccount, TestAccount]> {
  return [await api.account("Alice"), await api.account("Bob"), await api.account("Eve")];
}

const nicknames = async (api: TestApi, account: TestAccount, query = ""): Promise<string[]> =>
  (await api.get(`/contacts${query}`, account.token)).body.result.map(({ nickname }: { nickname: string }) => nickname);

async function stateOf(api: TestApi, account: TestAccount, other: TestAccount): Promise<string | undefined> {
  const row = await api.db
    .selectFrom("members")
    .select("state")
    .where("account", "=", account.id)
    .where("conversation", "=", api.conversationId(account, other))
    .executeTakeFirst();
  return row?.state;
}

describe("adding a contact", () => {
  test("finds people by address or by nickname in any case", async () => {
    await using api = await TestApi.start();
    const [alice, bob, eve] = await three(api);
    const added = await api.post("/contact", { email: " BOB@example.org" }, alice.token);
    expect(added.status).toBe(201);
    expect(added.body.contact).toEqual({
      id: bob.id,
      nickname: "Bob",
      email: "bob@example.org",
      phone_number: null,
      user_role: "user",
      picture_version: 0,
      has_keys: false,
      contact_added_date: new Date(api.nowMs).toISOString(),
      presence: "offline",
      last_seen_ms: null,
    });
    expect((await api.post("/contact", { nickname: "eVE" }, alice.token)).body.contact.id).toBe(eve.id);
    expect(await nicknames(api, alice)).toEqual(["Bob", "Eve"]);
    expect(await nicknames(api, bob)).toEqual([]);
  });

  test("refuses the unknown, oneself, the same one again and a name that several have, each with its own code", async () => {
    await using api = await TestApi.start();
    const [alice, bob] = await three(api);
    await api.post("/auth/register", { nickname: "BOB", email: "bob2@example.org", password: "correct horse" });
    await api.post("/contact", { email: bob.email }, alice.token);
    const attempts = [
      [{ email: "nobody@example.org" }, "contact-unknown"],
      [{ nickname: "nobody" }, "contact-unknown"],
      [{ nickname: "bo" }, "contact-unknown"],
      [{ email: alice.email }, "contact-self"],
      [{ nickname: "alice" }, "contact-self"],
      [{ email: bob.email }, "contact-exists"],
      [{ nickname: "bob" }, "contact-ambiguous"],
    ] as const;
    for (const [body, code] of attempts) {
      const answer = await api.post("/contact", body, alice.token);
      expect([answer.status, answer.body.code]).toEqual([400, code]);
    }
    expect((await api.post("/contact", { email: bob.email, nickname: "Bob" }, alice.token)).status).toBe(422);
  });

  test("twice at once happens once", async () => {
    await using api = await TestApi.start();
    const [alice, bob] = await three(api);
    const answers = await Promise.all([1, 2, 3].map(() => api.post("/contact", { email: bob.email }, alice.token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400]);
  });

  test("is limited, so that addresses cannot be tried out", async () => {
    await using api = await TestApi.start({ rateLimitScale: 1 });
    const alice = await api.account("Alice");
    const codes: string[] = [];
    for (let n = 0; n < 61; n++)
      codes.push((await api.post("/contact", { email: `nobody${n}@example.org` }, alice.token)).body.code);
    expect([codes.indexOf("rate-limited"), codes.length]).toEqual([60, 61]);
  });

  test("opens the request or ignored conversation with them, but not a blocked one", async () => {
    await using api = await TestApi.start();
    const [alice, bob, eve] = await three(api);
    const carol = await api.account("Carol");
    await api.conversation(alice, bob, ["request", "active"]);
    await api.conversation(alice, eve, ["ignored", "active"]);
    await api.conversation(alice, carol, ["blocked", "active"]);
    for (const { email } of [bob, eve, carol]) await api.post("/contact", { email }, alice.token);
    expect([await stateOf(api, alice, bob), await stateOf(api, alice, eve), await stateOf(api, alice, carol)]).toEqual([
      "active",
      "active",
      "blocked",
    ]);
    expect(api.framesTo(alice.id)).toContainEqual({
      type: "changed",
      what: "conversations",
      conversation: api.conversationId(alice, bob),
    });
  });

  test("tells one's own devices, and the other person only when both have each other", async () => {
    await using api = await TestApi.start();
    const [alice, bob] = await three(api);
    await api.post("/contact", { email: bob.email }, alice.token);
    expect(api.framesTo(alice.id)).toEqual([{ type: "changed", what: "contacts" }]);
    expect(api.framesTo(bob.id)).toEqual([]);
    api.bus.length = 0;
    await api.post("/contact", { email: alice.email }, bob.token);
    expect(api.framesTo(bob.id)).toEqual([{ type: "changed", what: "contacts" }]);
    expect(api.framesTo(alice.id)).toEqual([{ type: "changed", what: "contacts", account: bob.id }]);
  });
});

describe("the list of contacts", () => {
  test("can be searched by part of a name or address, in any case", async () => {
    await using api = await TestApi.start();
    const [alice] = await three(api);
    await api.account("Bobby");
    for (const name of ["bob", "eve", "bobby"]) await api.post("/contact", { email: `${name}@example.org` }, alice.token);
    expect(await nicknames(api, alice, "?search=OBB")).toEqual(["Bobby"]);
    expect(await nicknames(api, alice, "?search=eve%40example")).toEqual(["Eve"]);
    expect(await nicknames(api, alice, "?search=%25")).toEqual([]);
    expect(await nicknames(api, alice, "?search=")).toEqual(["Bob", "Bobby", "Eve"]);
  });

  test("shows a telephone number only between people who have each other", async () => {
    await using api = await TestApi.start();
    const [alice, bob] = await three(api);
    await api.call("PATCH", "/user/profile", { token: bob.token, body: { phone_number: "+44 20 7946 0000" } });
    const shown = async () => (await api.get("/contacts", alice.token)).body.result[0].phone_number;
    await api.post("/contact", { email: bob.email }, alice.token);
    expect(await shown()).toBeNull();
    await api.post("/contact", { email: alice.email }, bob.token);
    expect(await shown()).toBe("+44 20 7946 0000");
  });

  test("shows presence and last seen between people who have each other, and not of who hides", async () => {
    await using api = await TestApi.start();
    const [alice, bob] = await three(api);
    await api.db.updateTable("accounts").set({ last_seen_ms: 1234 }).where("id", "=", bob.id).execute();
    using _socket = await api.connect(bob.token);
    const seen = async () => {
      const [{ presence, last_seen_ms }] = (await api.get("/contacts", alice.token)).body.result;
      return [presence, last_seen_ms];
    };
    await api.post("/contact", { email: bob.email }, alice.token);
    expect(await seen()).toEqual(["offline", null]);
    await api.post("/contact", { email: alice.email }, bob.token);
    expect(await seen()).toEqual(["online", 1234]);
    await api.put("/user/status", { chat_status: "busy" }, bob.token);
    expect(await seen()).toEqual(["busy", 1234]);
    await api.put("/user/status", { chat_status: "offline" }, bob.token);
    expect(await seen()).toEqual(["offline", null]);
    await api.put("/user/status", { chat_status: "online" }, bob.token);
    await api.post("/blocks", { id: alice.id }, bob.token);
    expect(await seen()).toEqual(["offline", null]);
  });
});

describe("removing a contact", () => {
  test("leaves the conversation, and looks like nothing for people who are none", async () => {
    await using api = await TestApi.start();
    const [alice, bob, eve] = await three(api);
    await api.conversation(alice, bob, ["active", "active"]);
    await api.post("/contact", { email: bob.email }, alice.token);
    const [stranger, nobody] = [
      await api.delete(`/contacts/${eve.id}`, alice.token),
      await api.delete(`/contacts/${crypto.randomUUID()}`, alice.token),
    ];
    expect([stranger.status, stranger.body]).toEqual([404, nobody.body]);
    expect((await api.delete(`/contacts/${bob.id}`, alice.token)).status).toBe(200);
    expect(await nicknames(api, alice)).toEqual([]);
    expect(await stateOf(api, alice, bob)).toBe("active");
    expect((await api.delete(`/contacts/${bob.id}`, alice.token)).status).toBe(404);
  });
});

describe("a message request", () => {
  async function requested(api: TestApi) {
    const [alice, bob, eve] = await three(api);
    const conversation = await api.conversation(alice, bob, ["request", "active"]);
    const answer = (action: string, account = alice) => api.post(`/requests/${conversation}`, { action }, account.token);
    return { alice, bob, eve, conversation, answer };
  }

  test("is listed with who sent it, for its receiver alone", async () => {
    await using api = await TestApi.start();
    const { alice, bob, eve, conversation } = await requested(api);
    expect((await api.get("/requests", alice.token)).body.requests).toEqual([
      {
        conversation,
        at_ms: api.nowMs,
        sender: { id: bob.id, nickname: "Bob", email: "bob@example.org", picture_version: 0, has_keys: false },
      },
    ]);
    for (const { token } of [bob, eve]) expect((await api.get("/requests", token)).body.requests).toEqual([]);
  });

  test("accepted makes a contact and opens the conversation; the sender is told nothing", async () => {
    await using api = await TestApi.start();
    const { alice, bob, answer } = await requested(api);
    expect((await answer("accept")).status).toBe(200);
    expect(await nicknames(api, alice)).toEqual(["Bob"]);
    expect(await stateOf(api, alice, bob)).toBe("active");
    expect(api.framesTo(bob.id)).toEqual([]);
    expect((await answer("accept")).status).toBe(404);
  });

  test("ignored leaves the list, and can still be accepted", async () => {
    await using api = await TestApi.start();
    const { alice, bob, answer } = await requested(api);
    expect((await answer("ignore")).status).toBe(200);
    expect((await api.get("/requests", alice.token)).body.requests).toEqual([]);
    expect(await stateOf(api, alice, bob)).toBe("ignored");
    expect(api.framesTo(bob.id)).toEqual([]);
    expect((await answer("accept")).status).toBe(200);
    expect(await stateOf(api, alice, bob)).toBe("active");
  });

  test("blocked blocks the sender, who is told nothing", async () => {
    await using api = await TestApi.start();
    const { alice, bob, answer } = await requested(api);
    expect((await answer("block")).status).toBe(200);
    expect(await stateOf(api, alice, bob)).toBe("blocked");
    expect((await api.get("/blocks", alice.token)).body.blocked.map(({ id }: { id: string }) => id)).toEqual([bob.id]);
    expect(api.framesTo(bob.id)).toEqual([]);
  });

  test("is nobody else's to answer: neither the sender's nor a stranger's", async () => {
    await using api = await TestApi.start();
    const { alice, bob, eve, conversation, answer } = await requested(api);
    for (const account of [bob, eve]) expect((await answer("accept", account)).body.code).toBe("not-found");
    expect((await api.post(`/requests/${conversation.slice(0, -4)}AAAA`, { action: "accept" }, alice.token)).body.code).toBe(
      "not-found",
    );
    expect(await stateOf(api, alice, bob)).toBe("request");
  });
});

describe("blocking", () => {
  test("closes the conversation, undoing it opens it again: active for contacts, else a request", async () => {
    await using api = await TestApi.start();
    const [alice, bob, eve] = await three(api);
    await api.conversation(alice, bob, ["active", "active"]);
    await api.conversation(alice, eve, ["active", "active"]);
    await api.post("/contact", { email: bob.email }, alice.token);
    api.bus.length = 0;
    for (const { id } of [bob, eve, bob]) expect((await api.post("/blocks", { id }, alice.token)).status).toBe(201);
    expect([await stateOf(api, alice, bob), await stateOf(api, alice, eve)]).toEqual(["blocked", "blocked"]);
    expect([await stateOf(api, bob, alice), await stateOf(api, eve, alice)]).toEqual(["active", "active"]);
    expect((await api.get("/blocks", alice.token)).body.blocked.map(({ nickname }: { nickname: string }) => nickname)).toEqual([
      "Bob",
      "Eve",
    ]);
    for (const { id } of [bob, eve]) expect((await api.delete(`/blocks/${id}`, alice.token)).status).toBe(200);
    expect([await stateOf(api, alice, bob), await stateOf(api, alice, eve)]).toEqual(["active", "request"]);
    expect([...api.framesTo(bob.id), ...api.framesTo(eve.id)]).toEqual([]);
  });

  test("is not for oneself or nobody; unblocking whom one has not blocked finds nothing", async () => {
    await using api = await TestApi.start();
    const [alice, bob] = await three(api);
    expect((await api.post("/blocks", { id: alice.id }, alice.token)).body.code).toBe("contact-self");
    expect((await api.post("/blocks", { id: crypto.randomUUID() }, alice.token)).body.code).toBe("not-found");
    await api.post("/blocks", { id: alice.id }, bob.token);
    expect((await api.delete(`/blocks/${bob.id}`, alice.token)).body.code).toBe("not-found");
    expect((await api.get("/blocks", alice.token)).body.blocked).toEqual([]);
  });
});
