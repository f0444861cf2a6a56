import { describe, expect, test } from "bun:test";
import { newPasswordSecret, newSalt, type TestAccount, TestApi } from "../testing/test-api.ts";
import { newKey, newMethod, newRecoverySecret, TestAccountKeys, type TestMethod } from "../testing/test-keys.ts";

async function withVault(api: TestApi, name: string, methods: readonly TestMethod[] = [newMethod("password")]) {
  const account = await api.account(name);
  const keys = new TestAccountKeys(account.id);
  const made = await api.post("/keys", keys.creation(methods), account.token);
  expect(made.status).toBe(201);
  return { account, keys };
}

const change = (account: TestAccount, more: Record<string, unknown> = {}) => ({
  current_password: account.secret,
  new_password: newPasswordSecret(),
  new_salt: newSalt(),
  ...more,
});

describe("a change of password", () => {
  test("of an account without keys takes the new secret and signs every other session out at once", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const phone = await api.login(alice);
    const body = change(alice);
    expect((await api.post("/auth/password", body, alice.token)).status).toBe(200);
    expect((await api.get("/user/profile", phone.access_token)).body.code).toBe("token-revoked");
    expect((await api.get("/user/profile", alice.token)).status).toBe(200);
    expect((await api.post("/auth/login", { email: alice.email, password: alice.secret })).status).toBe(401);
    expect((await api.post("/auth/login", { email: alice.email, password: body.new_password })).status).toBe(200);
    expect((await api.post("/auth/parameters", { email: alice.email })).body.salt).toBe(body.new_salt);
  });

  test("of a script takes raw passwords", async () => {
    await using api = await TestApi.start();
    const script = { nickname: "Script", email: "script@example.org", password: "correct horse" };
    const { token } = (await api.post("/auth/register", script)).body;
    const body = { current_password: script.password, new_password: "battery staple" };
    expect((await api.post("/auth/password", body, token.access_token)).status).toBe(200);
    expect((await api.post("/auth/login", { email: script.email, password: "battery staple" })).status).toBe(200);
    expect((await api.post("/auth/login", { email: script.email, password: "correct horse" })).status).toBe(401);
  });

  test("wants the current secret", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const answer = await api.post("/auth/password", change(alice, { current_password: newPasswordSecret() }), alice.token);
    expect([answer.status, answer.body.code]).toEqual([401, "wrong-credentials"]);
    expect((await api.post("/auth/login", { email: alice.email, password: alice.secret })).status).toBe(200);
  });

  test("of an account with a vault replaces verifier, salt, statement and boxes together", async () => {
    await using api = await TestApi.start();
    const recovery = newMethod("recovery", newRecoverySecret());
    const { account, keys } = await withVault(api, "Alice", [newMethod("password"), recovery]);
    // A method without a new secret keeps the one it has.
    const { authSecret: recoverySecret, ...recoveryKept } = recovery;
    const methods = keys.methods(2, [newMethod("password"), recoveryKept]);
    const body = change(account, { methods });
    expect((await api.post("/auth/password", body, account.token)).status).toBe(200);

    const own = (await api.get("/keys", account.token)).body;
    expect(own.wraps).toEqual(methods.wraps);
    expect(own.boxes).toHaveLength(2);
    expect(own.boxes).toEqual(expect.arrayContaining(methods.boxes));
    expect((await api.post("/auth/login", { email: account.email, password: body.new_password })).status).toBe(200);
    expect((await api.post("/auth/login", { email: account.email, password: recoverySecret })).status).toBe(200);
    expect(api.framesTo(account.id)).toContainEqual({ type: "changed", what: "keys", account: account.id });
  });

  test("is possible with the recovery key's secret", async () => {
    await using api = await TestApi.start();
    const recovery = newMethod("recovery", newRecoverySecret());
    const { account, keys } = await withVault(api, "Alice", [newMethod("password"), recovery]);
    const { token_type: _, access_token } = (
      await api.post("/auth/login", { email: account.email, password: recovery.authSecret })
    ).body;
    const body = change(account, {
      current_password: recovery.authSecret,
      methods: keys.methods(2, [newMethod("password"), recovery]),
    });
    expect((await api.post("/auth/password", body, access_token)).status).toBe(200);
    expect((await api.post("/auth/login", { email: account.email, password: body.new_password })).status).toBe(200);
    expect((await api.get("/user/profile", account.token)).body.code).toBe("token-revoked");
  });

  test.each([
    ["without its unlock methods", 422, "malformed-request", () => undefined],
    [
      "with a statement of the same version",
      409,
      "version-conflict",
      (keys: TestAccountKeys) => keys.methods(1, [newMethod("password")]),
    ],
    [
      "with a statement that skips a version",
      409,
      "version-conflict",
      (keys: TestAccountKeys) => keys.methods(3, [newMethod("password")]),
    ],
    [
      "with a statement signed by another key",
      422,
      "bad-signature",
      (keys: TestAccountKeys) => keys.methods(2, [newMethod("password")], newKey()),
    ],
    [
      "with two passwords",
      422,
      "malformed-request",
      (keys: TestAccountKeys) => keys.methods(2, [newMethod("password"), newMethod("password")]),
    ],
    ["with no password", 422, "malformed-request", (keys: TestAccountKeys) => keys.methods(2, [newMethod("recovery")])],
    [
      "with a box too few",
      422,
      "malformed-request",
      (keys: TestAccountKeys) => {
        const update = keys.methods(2, [newMethod("password"), newMethod("recovery")]);
        return { ...update, boxes: update.boxes.slice(0, 1) };
      },
    ],
  ] as const)("of an account with a vault %s changes nothing at all", async (_, status, code, methods) => {
    await using api = await TestApi.start();
    const { account, keys } = await withVault(api, "Alice");
    const before = (await api.get("/keys", account.token)).body;
    const phone = await api.login(account);
    const answer = await api.post("/auth/password", change(account, { methods: methods(keys) }), account.token);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect((await api.get("/keys", account.token)).body).toEqual(before);
    expect((await api.get("/user/profile", phone.access_token)).status).toBe(200);
    expect((await api.post("/auth/login", { email: account.email, password: account.secret })).status).toBe(200);
  });

  test("of an account with a vault never takes a raw password", async () => {
    await using api = await TestApi.start();
    const { account, keys } = await withVault(api, "Alice");
    const body = {
      current_password: account.secret,
      new_password: "correct horse",
      methods: keys.methods(2, [newMethod("password")]),
    };
    expect((await api.post("/auth/password", body, account.token)).status).toBe(422);
  });

  test("of an account without keys takes no unlock methods", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const methods = new TestAccountKeys(alice.id).methods(1, [newMethod("password")]);
    expect((await api.post("/auth/password", change(alice, { methods }), alice.token)).body.code).toBe("no-keys");
  });

  test("made twice at once happens once", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const answers = await Promise.all(
      [change(alice), change(alice)].map((body) => api.post("/auth/password", body, alice.token)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});
