import { describe, expect, test } from "bun:test";
import { newPasswordSecret, newSalt, TestApi } from "../testing/test-api.ts";

const raw = (email: string, more: Record<string, unknown> = {}) => ({
  nickname: "Somebody",
  email,
  password: "correct horse",
  ...more,
});

describe("registration", () => {
  test("makes the first account the administrator, and no other", async () => {
    await using api = await TestApi.start();
    const answers = [
      await api.post("/auth/register", raw("first@example.org")),
      await api.post("/auth/register", raw("second@example.org")),
    ];
    expect(answers.map(({ status, body }) => [status, body.user.user_role])).toEqual([
      [201, "admin"],
      [201, "user"],
    ]);
    expect(answers[0]?.body).toMatchObject({
      user: { nickname: "Somebody", email: "first@example.org", phone_number: null, has_keys: false, picture_version: 0 },
      token: { token_type: "bearer", expires_in: 900 },
      status_code: 201,
    });
  });

  test("gives tokens that work at once", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    expect((await api.get("/user/profile", alice.token)).body.user.email).toBe("alice@example.org");
  });

  test("of two at once with one address lets one through", async () => {
    await using api = await TestApi.start();
    const answers = await Promise.all([1, 2, 3].map(() => api.post("/auth/register", raw("same@example.org"))));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400]);
  });

  test("of a taken address, however it is written, is refused after the same work as a free one", async () => {
    await using api = await TestApi.start();
    await api.post("/auth/register", raw("taken@example.org"));
    for (const password of [{ password: "correct horse" }, { password: newPasswordSecret(), password_salt: newSalt() }]) {
      api.work.length = 0;
      const free = await api.post("/auth/register", raw(`free${Object.keys(password).length}@example.org`, password));
      const workOfFree = api.work.splice(0);
      const taken = await api.post("/auth/register", raw(" Taken@EXAMPLE.org ", password));
      expect(free.status).toBe(201);
      expect([taken.status, taken.body.code]).toEqual([400, "registration-failed"]);
      expect(api.work).toEqual(workOfFree);
    }
  });

  test("takes a salt with an authentication secret only, and no recovery secret", async () => {
    await using api = await TestApi.start();
    const bodies = [
      raw("a@example.org", { password_salt: newSalt() }),
      raw("a@example.org", { password: newPasswordSecret() }),
      raw("a@example.org", { password: newPasswordSecret(), password_salt: "A".repeat(42) }),
      raw("a@example.org", { password: newPasswordSecret().replace("password", "recovery"), password_salt: newSalt() }),
      raw("a@example.org", { password: "short" }),
      raw("a@example.org", { user_role: "admin" }),
    ];
    for (const body of bodies) expect((await api.post("/auth/register", body)).status).toBe(422);
  });

  test("is refused where it is closed", async () => {
    await using api = await TestApi.start({ registration: "closed" });
    const answer = await api.post("/auth/register", raw("a@example.org"));
    expect([answer.status, answer.body.code]).toEqual([403, "registration-closed"]);
    expect(api.work).toEqual([]);
  });
});

describe("registration by invitation", () => {
  test("lets the first account in without one, then wants one, in any spelling, as often as it says", async () => {
    await using api = await TestApi.start({ registration: "invite" });
    const admin = await api.account("Admin");
    expect((await api.post("/auth/register", raw("a@example.org"))).body.code).toBe("registration-closed");
    expect((await api.post("/auth/register", raw("a@example.org", { invite: "WRONG" }))).body.code).toBe("registration-closed");

    const made = await api.post("/invites", { uses: 2 }, admin.token);
    expect(made.status).toBe(201);
    expect(made.body.expires_at_ms).toBe(api.nowMs + 7 * 24 * 3600_000);
    const invite: string = made.body.invite;
    expect((await api.post("/auth/register", raw("a@example.org", { invite }))).status).toBe(201);
    const typed = invite.toLowerCase().replaceAll("-", "");
    expect((await api.post("/auth/register", raw("b@example.org", { invite: typed }))).body.user.user_role).toBe("user");
    expect((await api.post("/auth/register", raw("c@example.org", { invite }))).body.code).toBe("registration-closed");
  });

  test("is not used up by an attempt that fails", async () => {
    await using api = await TestApi.start({ registration: "invite" });
    const admin = await api.account("Admin");
    const { invite } = (await api.post("/invites", {}, admin.token)).body;
    expect((await api.post("/auth/register", raw("admin@example.org", { invite }))).body.code).toBe("registration-failed");
    expect((await api.post("/auth/register", raw("a@example.org", { invite }))).status).toBe(201);
  });

  test("used by several at once serves no more often than it says", async () => {
    await using api = await TestApi.start({ registration: "invite" });
    const admin = await api.account("Admin");
    const { invite } = (await api.post("/invites", {}, admin.token)).body;
    const answers = await Promise.all(
      ["a", "b", "c"].map((name) => api.post("/auth/register", raw(`${name}@example.org`, { invite }))),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403]);
  });

  test("ends", async () => {
    await using api = await TestApi.start({ registration: "invite" });
    const admin = await api.account("Admin");
    const { invite } = (await api.post("/invites", { expires_in_hours: 1 }, admin.token)).body;
    api.nowMs += 3600_000;
    expect((await api.post("/auth/register", raw("a@example.org", { invite }))).body.code).toBe("registration-closed");
  });

  test("is made by administrators; to others there is no such thing", async () => {
    await using api = await TestApi.start();
    await api.account("Admin");
    const bob = await api.account("Bob");
    const answer = await api.post("/invites", {}, bob.token);
    expect([answer.status, answer.body.code]).toEqual([404, "not-found"]);
  });

  test("keeps no code that could be read from the database", async () => {
    await using api = await TestApi.start({ registration: "invite" });
    const admin = await api.account("Admin");
    const { invite } = (await api.post("/invites", {}, admin.token)).body;
    const stored = JSON.stringify(await api.db.selectFrom("invites").selectAll().execute());
    expect(stored).not.toContain(invite);
    expect(stored).not.toContain(invite.replaceAll("-", ""));
  });
});
