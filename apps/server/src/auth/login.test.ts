import { describe, expect, test } from "bun:test";
import { argon2Sync, createHash, hkdfSync } from "node:crypto";
import { encodeCbor, fromBase64url } from "@cychat/protocol";
import { newPasswordSecret, TestApi } from "../testing/test-api.ts";
import { newMethod, newRecoverySecret, TestAccountKeys } from "../testing/test-keys.ts";

const script = { nickname: "Script", email: "script@example.org", password: "correct horse" };

/** What a client derives from a password and the parameters it was told. */
function secretOf(email: string, password: string, salt: string): string {
  const nonce = createHash("sha256")
    .update(encodeCbor(["cychat/v1/password-salt", email, fromBase64url(salt)]))
    .digest();
  const stretched = argon2Sync("argon2id", {
    message: password,
    nonce,
    parallelism: 1,
    tagLength: 32,
    memory: 65_536,
    passes: 3,
  });
  const secret = Buffer.from(hkdfSync("sha256", stretched, new Uint8Array(0), encodeCbor(["cychat/v1/password-auth"]), 32));
  return `cychat-auth-v1.password.${secret.toString("base64url")}`;
}

describe("log-in", () => {
  test("takes JSON with email or username, and the OAuth2 password form", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const form = new URLSearchParams({
      grant_type: "password",
      username: "Alice@example.org",
      password: alice.secret,
      scope: "",
    });
    const answers = [
      await api.post("/auth/login", { email: alice.email, password: alice.secret }),
      await api.post("/auth/login", { username: alice.email, password: alice.secret, device_name: "Firefox" }),
      await api.call("POST", "/auth/login", { body: form }),
    ];
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toMatchObject({ token_type: "bearer", expires_in: 900 });
      expect((await api.get("/user/profile", body.access_token)).status).toBe(200);
    }
    expect((await api.post("/auth/login", { email: alice.email, username: alice.email, password: alice.secret })).status).toBe(
      422,
    );
  });

  test("answers a wrong password and an unknown address alike, after the same work", async () => {
    await using api = await TestApi.start();
    await api.account("Alice");
    await api.post("/auth/register", script);
    for (const password of ["wrong horse", newPasswordSecret(), newRecoverySecret()]) {
      const seen: unknown[] = [];
      for (const email of ["script@example.org", "alice@example.org", "nobody@example.org"]) {
        api.work.length = 0;
        const { status, body } = await api.post("/auth/login", { email, password });
        seen.push({ status, body, work: [...api.work] });
      }
      expect(seen[0]).toMatchObject({ status: 401, body: { code: "wrong-credentials" } });
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[2]).toEqual(seen[0]);
    }
  });

  test("takes a script's raw password, and the secret that a client derives from the same password", async () => {
    await using api = await TestApi.start();
    await api.post("/auth/register", script);
    expect((await api.post("/auth/login", { email: script.email, password: script.password })).status).toBe(200);
    const parameters = await api.post("/auth/parameters", { email: script.email });
    expect(parameters.body).toMatchObject({ memory_kib: 65_536, passes: 3, lanes: 1 });
    const password = secretOf(script.email, script.password, parameters.body.salt);
    expect((await api.post("/auth/login", { email: script.email, password })).status).toBe(200);
  });

  test("takes no raw password from an account with a vault, and does the same work to say so", async () => {
    await using api = await TestApi.start();
    const made = await api.post("/auth/register", script);
    const login = { email: script.email, password: script.password };
    api.work.length = 0;
    expect((await api.post("/auth/login", login)).status).toBe(200);
    const workBefore = api.work.splice(0);

    const keys = new TestAccountKeys(made.body.user.id);
    expect((await api.post("/keys", keys.creation(), made.body.token.access_token)).status).toBe(201);
    api.work.length = 0;
    expect((await api.post("/auth/login", login)).body.code).toBe("wrong-credentials");
    expect(api.work).toEqual(workBefore);

    const { salt } = (await api.post("/auth/parameters", { email: script.email })).body;
    expect((await api.post("/auth/login", { ...login, password: secretOf(script.email, script.password, salt) })).status).toBe(
      200,
    );
  });

  test("takes the authentication secret of a recovery key", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const secret = newRecoverySecret();
    const keys = new TestAccountKeys(alice.id);
    await api.post(
      "/keys",
      keys.creation([newMethod("password"), newMethod("recovery", secret), newMethod("recovery", newRecoverySecret())]),
      alice.token,
    );
    expect((await api.post("/auth/login", { email: alice.email, password: secret })).status).toBe(200);
    expect((await api.post("/auth/login", { email: "nobody@example.org", password: secret })).body.code).toBe(
      "wrong-credentials",
    );
    const stored = JSON.stringify(await api.db.selectFrom("unlock_methods").select("auth_hash").execute());
    expect(stored).not.toContain(secret.slice(-43));
  });

  test("writes no address and no secret into the log", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    await api.post("/auth/login", { email: alice.email, password: "wrong horse" });
    await api.login(alice);
    for (const line of api.lines)
      for (const secret of ["alice", alice.secret, "wrong horse", alice.token]) expect(line.toLowerCase()).not.toContain(secret);
  });
});

describe("password parameters", () => {
  test("of an unknown address look like any other and never change", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const known = (await api.post("/auth/parameters", { email: alice.email })).body;
    const unknown = (await api.post("/auth/parameters", { email: "nobody@example.org" })).body;
    expect(Object.keys(unknown)).toEqual(Object.keys(known));
    expect({ ...unknown, salt: known.salt }).toEqual(known);
    expect(unknown.salt).toMatch(/^[\w-]{43}$/);
    expect((await api.post("/auth/parameters", { email: " Nobody@example.org" })).body).toEqual(unknown);
    expect((await api.post("/auth/parameters", { email: "nobody2@example.org" })).body.salt).not.toBe(unknown.salt);
  });
});
