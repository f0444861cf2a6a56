import { describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "@cychat/protocol";
import { type TestAccount, TestApi } from "../testing/test-api.ts";
import { jpeg, png, webpLossy } from "./test-pictures.ts";

const putPicture = (api: TestApi, account: TestAccount, body: Uint8Array, type = "image/png") =>
  api.call("PUT", "/user/picture", { body, token: account.token, headers: { "content-type": type } });

describe("a profile", () => {
  test("changes field by field, and those who show it are told", async () => {
    await using api = await TestApi.start();
    const [alice, bob, eve] = [await api.account("Alice"), await api.account("Bob"), await api.account("Eve")];
    await api.post("/contact", { nickname: "alice" }, bob.token);
    api.bus.length = 0;
    const renamed = await api.call("PATCH", "/user/profile", { body: { nickname: " Алиса " }, token: alice.token });
    expect(renamed.body.user).toMatchObject({ id: alice.id, nickname: "Алиса", phone_number: null });
    const phoned = await api.call("PATCH", "/user/profile", { body: { phone_number: "+49 30 123456" }, token: alice.token });
    expect(phoned.body.user).toMatchObject({ nickname: "Алиса", phone_number: "+49 30 123456" });
    const cleared = await api.call("PATCH", "/user/profile", { body: { phone_number: null }, token: alice.token });
    expect(cleared.body.user.phone_number).toBeNull();
    const frame = { type: "changed", what: "profile", account: alice.id } as const;
    expect([alice, bob, eve].map(({ id }) => api.framesTo(id))).toEqual([[frame, frame, frame], [frame, frame, frame], []]);
    expect((await api.get("/contacts?search=АЛИ", bob.token)).body.result).toHaveLength(1);
  });

  test("takes no role, address or name that is not one", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    for (const body of [
      { user_role: "admin" },
      { email: "x@example.org" },
      { nickname: "" },
      { nickname: "a\u202eb" },
      { phone_number: "call me" },
    ]) {
      expect((await api.call("PATCH", "/user/profile", { body, token: alice.token })).status).toBe(422);
    }
  });

  test("has a chat status, which presence hears of", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const answer = await api.put("/user/status", { chat_status: "dnd" }, alice.token);
    expect(answer.body.user.chat_status).toBe("dnd");
    expect(api.bus).toContainEqual({ kind: "chat-status", account: alice.id, status: "dnd" });
    expect((await api.put("/user/status", { chat_status: "away" }, alice.token)).status).toBe(422);
  });
});

describe("a profile picture", () => {
  test("is served as it was sent, with its real type, to be kept private", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const set = await putPicture(api, alice, jpeg(30, 20), "image/png");
    expect(set.body.user.picture_version).toBeGreaterThan(0);
    const got = await api.get(`/user/${alice.id}/picture`, alice.token);
    expect(got.body).toEqual(jpeg(30, 20));
    expect(
      Object.fromEntries(
        ["content-type", "x-content-type-options", "cache-control"].map((name) => [name, got.headers.get(name)]),
      ),
    ).toEqual({
      "content-type": "image/jpeg",
      "x-content-type-options": "nosniff",
      "cache-control": "private, max-age=3600",
    });
  });

  test("that is replaced or removed leaves no file behind, and its version only grows", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const folder = join(api.config.uploadDir, "profile-images");
    const first = (await putPicture(api, alice, png(3, 2))).body.user.picture_version;
    const second = (await putPicture(api, alice, webpLossy(3, 2))).body.user.picture_version;
    expect(second).toBeGreaterThan(first);
    expect(await readdir(folder)).toEqual([`${alice.id}.${second}`]);
    const removed = await api.delete("/user/picture", alice.token);
    expect(removed.body.user.picture_version).toBe(0);
    expect(await readdir(folder)).toEqual([]);
    expect((await api.get(`/user/${alice.id}/picture`, alice.token)).status).toBe(404);
    api.nowMs += 1000;
    expect((await putPicture(api, alice, png(3, 2))).body.user.picture_version).toBeGreaterThan(second);
  });

  test("sent several times at once ends with one of them", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    await Promise.all([1, 2, 3, 4].map((width) => putPicture(api, alice, png(width, 1))));
    expect(await readdir(join(api.config.uploadDir, "profile-images"))).toHaveLength(1);
    expect((await api.get(`/user/${alice.id}/picture`, alice.token)).body).toEqual(png(4, 1));
  });

  test("that is none, or too large, is refused and changes nothing", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const html = new TextEncoder().encode("<!doctype html><script>alert(1)</script> and more text than thirty bytes");
    const large = new Uint8Array(limits.pictureBytes + 1);
    large.set(png(3, 2));
    const answers = [
      await putPicture(api, alice, html),
      await putPicture(api, alice, png(3, 2), "text/html"),
      await putPicture(api, alice, large),
      await putPicture(api, alice, png(60_000, 60_000)),
    ];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [422, "picture-invalid"],
      [415, "unsupported-media-type"],
      [413, "too-large"],
      [422, "picture-invalid"],
    ]);
    expect((await api.get("/user/profile", alice.token)).body.user.picture_version).toBe(0);
  });

  test("shows itself to contacts in either direction; to strangers there is none", async () => {
    await using api = await TestApi.start();
    const [alice, bob, eve] = [await api.account("Alice"), await api.account("Bob"), await api.account("Eve")];
    await putPicture(api, alice, png(3, 2));
    await putPicture(api, bob, png(3, 2));
    await api.post("/contact", { email: alice.email }, bob.token);
    expect((await api.get(`/user/${alice.id}/picture`, bob.token)).status).toBe(200);
    expect((await api.get(`/user/${bob.id}/picture`, alice.token)).status).toBe(200);
    const [stranger, nobody] = [
      await api.get(`/user/${alice.id}/picture`, eve.token),
      await api.get(`/user/${crypto.randomUUID()}/picture`, eve.token),
    ];
    expect([stranger.status, stranger.body]).toEqual([404, nobody.body]);
    expect((await api.get(`/user/..%2f${alice.id}/picture`, eve.token)).status).toBe(404);
  });

  test("shows itself to people who share a conversation", async () => {
    await using api = await TestApi.start();
    const [alice, bob] = [await api.account("Alice"), await api.account("Bob")];
    await putPicture(api, alice, png(3, 2));
    await api.conversation(alice, bob, ["active", "request"]);
    expect((await api.get(`/user/${alice.id}/picture`, bob.token)).status).toBe(200);
  });
});
