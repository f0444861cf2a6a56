import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { closeCodes } from "@cychat/protocol";
import { sessionOf, TestApi } from "../testing/test-api.ts";
import { refreshGraceMs, refreshLifeMs } from "./refresh-token.ts";

const minute = 60_000;

describe("an access token", () => {
  test("forged, of no algorithm, missing or of another kind opens nothing", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const [header = "", payload = ""] = alice.token.split(".");
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
    const otherKey = createHmac("sha256", "another key").update(`${header}.${payload}`).digest("base64url");
    for (const token of [
      `${none}.${payload}.`,
      `${none}.${payload}.${otherKey}`,
      `${header}.${payload}.${otherKey}`,
      alice.refreshToken,
    ]) {
      const answer = await api.get("/user/profile", token);
      expect([answer.status, answer.body.code]).toEqual([401, "token-invalid"]);
      expect(answer.headers.get("www-authenticate")).toStartWith("Bearer");
    }
    expect((await api.get("/user/profile")).body.code).toBe("not-authenticated");
  });

  test("expires after a quarter of an hour, and the tolerance", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    api.nowMs += 15 * minute;
    expect((await api.get("/user/profile", alice.token)).status).toBe(200);
    api.nowMs += 5_000;
    const answer = await api.get("/user/profile", alice.token);
    expect([answer.status, answer.body.code]).toEqual([401, "token-expired"]);
  });
});

describe("signing out", () => {
  test("works at once, for access and refresh token, and closes the session's sockets", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const other = await api.login(alice);
    expect((await api.call("POST", "/auth/logout", { token: alice.token })).status).toBe(200);
    expect((await api.get("/user/profile", alice.token)).body.code).toBe("token-revoked");
    expect((await api.post("/auth/refresh", { refresh_token: alice.refreshToken })).body.code).toBe("token-revoked");
    expect((await api.get("/user/profile", other.access_token)).status).toBe(200);
    expect(api.revokedSessions()).toEqual([sessionOf(alice.token)]);
  });

  test("another of one's sessions works at once, also right after its first use", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const phone = await api.login(alice);
    expect((await api.get("/user/profile", phone.access_token)).status).toBe(200);
    expect((await api.delete(`/sessions/${sessionOf(phone.access_token)}`, alice.token)).status).toBe(200);
    expect((await api.get("/user/profile", phone.access_token)).body.code).toBe("token-revoked");
    expect((await api.delete(`/sessions/${sessionOf(phone.access_token)}`, alice.token)).status).toBe(404);
  });

  test("closes open sockets of that session, refuses new ones, and leaves the others", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const phone = await api.login(alice);
    using socket = await api.connect(phone.access_token);
    using other = await api.connect(alice.token);
    await api.delete(`/sessions/${sessionOf(phone.access_token)}`, alice.token);
    expect(await socket.closed).toBe(closeCodes.sessionRevoked);
    await expect(api.connect(phone.access_token)).rejects.toThrow();
    await other.settled();
  });

  test("every other session leaves this one", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const bob = await api.account("Bob");
    const others = [await api.login(alice), await api.login(alice)];
    await api.delete("/sessions", alice.token);
    for (const { access_token } of others) expect((await api.get("/user/profile", access_token)).body.code).toBe("token-revoked");
    expect((await api.get("/user/profile", alice.token)).status).toBe(200);
    expect((await api.get("/user/profile", bob.token)).status).toBe(200);
  });

  test("somebody else's session looks like none, and nothing happens to it", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const bob = await api.account("Bob");
    const theirs = await api.delete(`/sessions/${sessionOf(alice.token)}`, bob.token);
    const nobodys = await api.delete(`/sessions/${crypto.randomUUID()}`, bob.token);
    expect(theirs.status).toBe(404);
    expect(theirs.body).toEqual(nobodys.body);
    expect((await api.get("/user/profile", alice.token)).status).toBe(200);
  });
});

describe("the list of sessions", () => {
  test("shows one's own that stand, and which one asks", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    await api.account("Bob");
    api.nowMs += 1000;
    const { body: phone } = await api.post("/auth/login", { email: alice.email, password: alice.secret, device_name: "Phone" });
    await api.delete(`/sessions/${sessionOf((await api.login(alice)).access_token)}`, alice.token);
    const { sessions } = (await api.get("/sessions", phone.access_token)).body;
    expect(sessions).toEqual([
      {
        id: sessionOf(phone.access_token),
        device_name: "Phone",
        current: true,
        created_at_ms: api.nowMs,
        last_seen_ms: api.nowMs,
      },
      {
        id: sessionOf(alice.token),
        device_name: "",
        current: false,
        created_at_ms: api.nowMs - 1000,
        last_seen_ms: api.nowMs - 1000,
      },
    ]);
  });

  test("forgets those that nobody can refresh any more", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    api.nowMs += refreshLifeMs + 1;
    const { access_token } = await api.login(alice);
    expect((await api.get("/sessions", access_token)).body.sessions).toHaveLength(1);
    expect(await api.db.selectFrom("sessions").select("id").execute()).toHaveLength(1);
    expect(await api.db.selectFrom("refresh_tokens").select("hash").execute()).toHaveLength(1);
  });
});

describe("a refresh token", () => {
  const refresh = (api: TestApi, refresh_token: string) => api.post("/auth/refresh", { refresh_token });

  test("is exchanged for a new one of the same session, again and again", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    let token = alice.refreshToken;
    for (let turn = 0; turn < 3; turn++) {
      api.nowMs += 24 * 60 * minute;
      const { status, body } = await refresh(api, token);
      expect(status).toBe(200);
      expect(body.refresh_token).not.toBe(token);
      expect(sessionOf(body.access_token)).toBe(sessionOf(alice.token));
      token = body.refresh_token;
    }
    const { sessions } = (await api.get("/sessions", (await api.login(alice)).access_token)).body;
    expect(sessions.find(({ id }: { id: string }) => id === sessionOf(alice.token)).last_seen_ms).toBe(api.nowMs);
  });

  test("that comes again after its successor was used ends the whole session at once", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const second = (await refresh(api, alice.refreshToken)).body;
    const third = (await refresh(api, second.refresh_token)).body;
    const reused = await refresh(api, alice.refreshToken);
    expect([reused.status, reused.body.code]).toEqual([401, "refresh-token-reused"]);
    for (const { access_token, refresh_token } of [second, third]) {
      expect((await api.get("/user/profile", access_token)).body.code).toBe("token-revoked");
      expect((await refresh(api, refresh_token)).body.code).toBe("token-revoked");
    }
    expect(api.revokedSessions()).toEqual([sessionOf(alice.token)]);
  });

  test("whose answer was lost gives a fresh successor within the grace, and the lost one dies", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const lost = (await refresh(api, alice.refreshToken)).body;
    api.nowMs += refreshGraceMs;
    const again = await refresh(api, alice.refreshToken);
    expect(again.status).toBe(200);
    expect((await refresh(api, again.body.refresh_token)).status).toBe(200);
    expect((await refresh(api, lost.refresh_token)).body.code).toBe("refresh-token-reused");
  });

  test("whose answer was lost several times still logs nobody out", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    for (let attempt = 0; attempt < 4; attempt++) {
      expect((await refresh(api, alice.refreshToken)).status).toBe(200);
      api.nowMs += 5_000;
    }
    const last = (await refresh(api, alice.refreshToken)).body;
    expect((await refresh(api, last.refresh_token)).status).toBe(200);
    expect((await api.get("/user/profile", last.access_token)).status).toBe(200);
  });

  test("sent several times at once logs nobody out", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const answers = await Promise.all([1, 2, 3].map(() => refresh(api, alice.refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await refresh(api, answers.at(-1)?.body.refresh_token)).status).toBe(200);
  });

  test("that comes again after the grace ends the session", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    await refresh(api, alice.refreshToken);
    api.nowMs += refreshGraceMs + 1;
    expect((await refresh(api, alice.refreshToken)).body.code).toBe("refresh-token-reused");
    expect((await api.get("/user/profile", alice.token)).body.code).toBe("token-revoked");
  });

  test("lives for ninety days", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    api.nowMs += refreshLifeMs - 1;
    const next = await refresh(api, alice.refreshToken);
    expect(next.status).toBe(200);
    api.nowMs += refreshLifeMs;
    expect((await refresh(api, next.body.refresh_token)).body.code).toBe("token-expired");
  });

  test("that nobody issued is invalid", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    for (const token of ["", "x", alice.token.slice(0, 200)]) expect((await refresh(api, token)).body.code).toBe("token-invalid");
  });

  test("is stored as a hash", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    expect(JSON.stringify(await api.db.selectFrom("refresh_tokens").selectAll().execute())).not.toContain(alice.refreshToken);
  });
});
