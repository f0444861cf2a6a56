import { describe, expect, test } from "bun:test";
import { type AccountId, type SignedJson, signedToJson } from "@cychat/protocol";
import { newPasswordSecret, sessionOf, type TestAccount, TestApi } from "../testing/test-api.ts";
import { newKey, newMethod, newRecoverySecret, TestAccountKeys } from "../testing/test-keys.ts";

async function opened(
  api: TestApi,
  name: string,
): Promise<{ account: TestAccount; keys: TestAccountKeys; creation: ReturnType<TestAccountKeys["creation"]> }> {
  const account = await api.account(name);
  const keys = new TestAccountKeys(account.id);
  const creation = keys.creation();
  const made = await api.post("/keys", creation, account.token);
  if (made.status !== 201) throw new Error(made.body.code);
  return { account, keys, creation };
}

function flipped(signed: SignedJson): SignedJson {
  const signature = Uint8Array.fromBase64(signed.signature, { alphabet: "base64url" });
  signature[10] = (signature[10] as number) ^ 1;
  return { ...signed, signature: signature.toBase64({ alphabet: "base64url", omitPadding: true }) };
}

describe("opening an account", () => {
  test("keeps every byte as it was sent, and binds this session to its device", async () => {
    await using api = await TestApi.start();
    const { account, keys, creation } = await opened(api, "Alice");
    const own = await api.get("/keys", account.token);
    expect(own.body).toEqual({
      log: creation.log,
      wraps: creation.methods.wraps,
      boxes: creation.methods.boxes,
      identity_box: creation.identity_box,
      vault: creation.vault,
    });
    expect((await api.get("/user/profile", account.token)).body.user.has_keys).toBe(true);
    expect(api.bus).toContainEqual({
      kind: "device-bound",
      account: account.id,
      session: sessionOf(account.token),
      device: keys.deviceId,
    });
    const [session] = await api.db.selectFrom("sessions").select("device").execute();
    expect(session?.device).toBe(keys.deviceId);
  });

  test("happens once, also when tried twice at the same time", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const bodies = [new TestAccountKeys(alice.id).creation(), new TestAccountKeys(alice.id).creation()];
    const answers = await Promise.all(bodies.map((body) => api.post("/keys", body, alice.token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect((await api.post("/keys", new TestAccountKeys(alice.id).creation(), alice.token)).body.code).toBe("keys-exist");
  });

  type Creation = ReturnType<TestAccountKeys["creation"]>;
  const at = (creation: Creation, n: number) => creation.log[n] as SignedJson;
  test.each([
    [
      "an identity entry whose signature does not verify",
      "bad-signature",
      (c: Creation) => ({ ...c, log: [flipped(at(c, 0)), at(c, 1), at(c, 2)] }),
    ],
    [
      "a device entry whose signature does not verify",
      "bad-signature",
      (c: Creation) => ({ ...c, log: [at(c, 0), at(c, 1), flipped(at(c, 2))] }),
    ],
    ["entries in another order", "malformed-structure", (c: Creation) => ({ ...c, log: [at(c, 0), at(c, 2), at(c, 1)] })],
    ["an entry twice", "malformed-structure", (c: Creation) => ({ ...c, log: [at(c, 0), at(c, 1), at(c, 1)] })],
    [
      "bytes that are no entry",
      "malformed-structure",
      (c: Creation) => ({ ...c, log: [at(c, 0), at(c, 1), { ...at(c, 2), payload: "AAAA" }] }),
    ],
    [
      "a statement signed by another key",
      "bad-signature",
      (c: Creation, k: TestAccountKeys) => ({ ...c, methods: k.methods(1, [newMethod("password")], newKey()) }),
    ],
    [
      "a statement of another version",
      "malformed-request",
      (c: Creation, k: TestAccountKeys) => ({ ...c, methods: k.methods(2, [newMethod("password")]) }),
    ],
    [
      "no password method",
      "malformed-request",
      (c: Creation, k: TestAccountKeys) => ({ ...c, methods: k.methods(1, [newMethod("recovery")]) }),
    ],
    [
      "boxes of other methods",
      "malformed-request",
      (c: Creation, k: TestAccountKeys) => ({
        ...c,
        methods: { ...c.methods, boxes: k.methods(1, [newMethod("password")]).boxes },
      }),
    ],
    ["a vault of another version", "malformed-request", (c: Creation) => ({ ...c, vault: { ...c.vault, version: 2 } })],
    [
      "another password than the account's",
      "wrong-credentials",
      (c: Creation, k: TestAccountKeys) => ({ ...c, methods: k.methods(1, [newMethod("password", newPasswordSecret())]) }),
    ],
  ] as const)("with %s is refused and leaves nothing behind", async (_, code, change) => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const keys = new TestAccountKeys(alice.id);
    const answer = await api.post("/keys", change(keys.creation(), keys), alice.token);
    expect(answer.body.code).toBe(code);
    expect((await api.get("/keys", alice.token)).body.code).toBe("no-keys");
    for (const table of ["account_log", "devices", "unlock_methods"] as const)
      expect(await api.db.selectFrom(table).selectAll().execute()).toEqual([]);
  });

  test("with the log of somebody else is refused", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    const bob = await api.account("Bob");
    expect((await api.post("/keys", new TestAccountKeys(bob.id).creation(), alice.token)).body.code).toBe("malformed-structure");
  });

  test("with a device key that another account has is refused", async () => {
    await using api = await TestApi.start();
    const { keys } = await opened(api, "Alice");
    const bob = await api.account("Bob");
    const thief = new TestAccountKeys(bob.id);
    const log = [thief.identityEntry(), thief.encryptionEntry(), thief.deviceEntry(keys.device)];
    const answer = await api.post(
      "/keys",
      { ...new TestAccountKeys(bob.id).creation(), log, methods: thief.methods(1, [newMethod("password")]) },
      bob.token,
    );
    expect(answer.body.code).toBe("malformed-structure");
  });
});

describe("the account log", () => {
  test("grows by devices, encryption keys and revocations, and tells the account's own and its contacts", async () => {
    await using api = await TestApi.start();
    const { account, keys } = await opened(api, "Alice");
    const bob = await api.account("Bob");
    const eve = await api.account("Eve");
    await api.post("/contact", { email: account.email }, bob.token);
    api.bus.length = 0;
    const phone = newKey();
    const answer = await api.post("/keys/log", { entries: [keys.deviceEntry(phone), keys.encryptionEntry()] }, account.token);
    expect(answer.status).toBe(201);
    expect(answer.body.log).toEqual(keys.log.map(signedToJson));
    const frame = { type: "changed", what: "keys", account: account.id } as const;
    expect([account, bob, eve].map(({ id }) => api.framesTo(id))).toEqual([[frame], [frame], []]);
  });

  test("takes what continues it; else it answers what was missed", async () => {
    await using api = await TestApi.start();
    const { account, keys } = await opened(api, "Alice");
    const other = new TestAccountKeys(account.id);
    Object.assign(other, { identity: keys.identity, log: [...keys.log], generation: 1 });
    const first = keys.encryptionEntry();
    const rival = other.encryptionEntry();
    expect((await api.post("/keys/log", { entries: [first] }, account.token)).status).toBe(201);
    const late = await api.post("/keys/log", { entries: [rival] }, account.token);
    expect([late.status, late.body.code]).toEqual([409, "version-conflict"]);
    expect(late.body.details).toEqual({ log: [first] });
  });

  test("of two that race takes one", async () => {
    await using api = await TestApi.start();
    const { account, keys } = await opened(api, "Alice");
    const entries = [1, 2, 3].map(() =>
      signedToJson(
        keys.make({ kind: "encryption", generation: 2, publicKey: new Uint8Array(crypto.getRandomValues(new Uint8Array(1249))) }),
      ),
    );
    const answers = await Promise.all(entries.map((entry) => api.post("/keys/log", { entries: [entry] }, account.token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  test("answers the same entries sent again as it did before", async () => {
    await using api = await TestApi.start();
    const { account, keys } = await opened(api, "Alice");
    const body = { entries: [keys.encryptionEntry(), keys.deviceEntry(newKey())] };
    const first = await api.post("/keys/log", body, account.token);
    const again = await api.post("/keys/log", body, account.token);
    expect([again.status, again.body]).toEqual([201, first.body]);
  });

  test("takes no entry with a bad signature, a gap, another predecessor or a wrong generation, and none of its batch", async () => {
    await using api = await TestApi.start();
    const { account, keys } = await opened(api, "Alice");
    const good = signedToJson(keys.make({ kind: "encryption", generation: 2, publicKey: new Uint8Array(1249) }));
    const stranger = newKey();
    const device = { kind: "device", deviceKey: stranger.point, vaultVersion: 1, vaultHash: new Uint8Array(32) } as const;
    const attempts: [SignedJson[], string][] = [
      [[flipped(good)], "bad-signature"],
      [[signedToJson(keys.make(device, { signer: stranger }))], "bad-signature"],
      [[good, signedToJson(keys.make(device, { n: 4 }))], "malformed-structure"],
      [[signedToJson(keys.make(device, { n: 9 }))], "version-conflict"],
      [[signedToJson(keys.make(device, { prev: new Uint8Array(32) }))], "malformed-structure"],
      [[signedToJson(keys.make({ kind: "encryption", generation: 3, publicKey: new Uint8Array(1249) }))], "malformed-structure"],
    ];
    for (const [entries, code] of attempts)
      expect((await api.post("/keys/log", { entries }, account.token)).body.code).toBe(code);
    expect((await api.get("/keys", account.token)).body.log).toHaveLength(3);
    expect((await api.post("/keys/log", { entries: [good] }, (await api.account("Bob")).token)).body.code).toBe("no-keys");
  });

  test("with a revocation signs the device's sessions out at once, and only those", async () => {
    await using api = await TestApi.start();
    const { account, keys } = await opened(api, "Alice");
    const phone = newKey();
    const phoneId = keys.deviceId;
    const entry = keys.deviceEntry(phone);
    await api.post("/keys/log", { entries: [entry] }, account.token);
    const other = new TestAccountKeys(account.id);
    Object.assign(other, { device: phone });
    const session = await api.login(account);
    expect((await api.put("/keys/device", { device: other.deviceId }, session.access_token)).status).toBe(200);
    expect(phoneId).not.toBe(other.deviceId);

    expect((await api.post("/keys/log", { entries: [keys.revokeEntry(other.deviceId)] }, account.token)).status).toBe(201);
    expect((await api.get("/user/profile", session.access_token)).body.code).toBe("token-revoked");
    expect((await api.post("/auth/refresh", { refresh_token: session.refresh_token })).body.code).toBe("token-revoked");
    expect(api.revokedSessions()).toEqual([sessionOf(session.access_token)]);
    expect((await api.get("/user/profile", account.token)).status).toBe(200);
    const again = await api.login(account);
    expect((await api.put("/keys/device", { device: other.deviceId }, again.access_token)).body.code).toBe("device-unknown");
  });
});

describe("a session's device", () => {
  test("is one that this account has certified; others look unknown", async () => {
    await using api = await TestApi.start();
    const alice = await opened(api, "Alice");
    const bob = await opened(api, "Bob");
    for (const device of [bob.keys.deviceId, new TestAccountKeys(alice.account.id).deviceId]) {
      const answer = await api.put("/keys/device", { device }, alice.account.token);
      expect([answer.status, answer.body.code]).toEqual([403, "device-unknown"]);
    }
  });
});

describe("unlock methods", () => {
  test("can be added and removed beside the password", async () => {
    await using api = await TestApi.start();
    const { account, keys, creation } = await opened(api, "Alice");
    const password = { method: creation.methods.boxes[0]?.method ?? "", kind: "password" } as const;
    const recovery = newMethod("recovery", newRecoverySecret());
    const withPassword = (version: number, methods: ReturnType<typeof newMethod>[]) => {
      const update = keys.methods(version, [password, ...methods]);
      return { ...update, boxes: [...creation.methods.boxes, ...update.boxes.slice(1)] };
    };
    const added = withPassword(2, [recovery]);
    expect((await api.put("/keys/methods", added, account.token)).status).toBe(200);
    expect((await api.get("/keys", account.token)).body.boxes).toEqual(expect.arrayContaining(added.boxes));
    const login = { email: account.email, password: recovery.authSecret };
    expect((await api.post("/auth/login", login)).status).toBe(200);

    expect((await api.put("/keys/methods", added, account.token)).body.code).toBe("version-conflict");
    expect((await api.put("/keys/methods", withPassword(3, []), account.token)).status).toBe(200);
    expect((await api.post("/auth/login", login)).status).toBe(401);
  });

  test("keep the password they have, and its box", async () => {
    await using api = await TestApi.start();
    const { account, keys, creation } = await opened(api, "Alice");
    const password = { method: creation.methods.boxes[0]?.method ?? "", kind: "password" } as const;
    const attempts = [
      [keys.methods(2, [newMethod("recovery")]), "last-unlock-method"],
      [keys.methods(2, []), "malformed-request"],
      [keys.methods(2, [newMethod("password")]), "malformed-request"],
      [keys.methods(2, [password]), "malformed-request"],
      [{ ...keys.methods(2, [password], newKey()), boxes: creation.methods.boxes }, "bad-signature"],
    ] as const;
    for (const [update, code] of attempts) expect((await api.put("/keys/methods", update, account.token)).body.code).toBe(code);
    expect((await api.get("/keys", account.token)).body.wraps).toEqual(creation.methods.wraps);
  });
});

describe("the vault", () => {
  test("is stored when its version is the next; else the newest one comes back", async () => {
    await using api = await TestApi.start();
    const { account } = await opened(api, "Alice");
    const second = { version: 2, ciphertext: "AAAA" };
    expect((await api.put("/keys/vault", second, account.token)).status).toBe(200);
    expect((await api.get("/keys/vault", account.token)).body).toEqual(second);
    for (const version of [1, 2, 4]) {
      const answer = await api.put("/keys/vault", { version, ciphertext: "BBBB" }, account.token);
      expect([answer.status, answer.body.code, answer.body.details]).toEqual([409, "version-conflict", second]);
    }
    expect((await api.put("/keys/vault", second, account.token)).status).toBe(200);
  });

  test("of two that race keeps one", async () => {
    await using api = await TestApi.start();
    const { account } = await opened(api, "Alice");
    const answers = await Promise.all(
      ["AAAA", "BBBB", "CCCC"].map((ciphertext) => api.put("/keys/vault", { version: 2, ciphertext }, account.token)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  });

  test("is not there before the account has keys", async () => {
    await using api = await TestApi.start();
    const alice = await api.account("Alice");
    expect((await api.get("/keys/vault", alice.token)).body.code).toBe("no-keys");
    expect((await api.put("/keys/vault", { version: 1, ciphertext: "AAAA" }, alice.token)).body.code).toBe("no-keys");
  });
});

describe("the public keys of others", () => {
  test("come singly, whole or from an entry on, and in bulk without those who have none", async () => {
    await using api = await TestApi.start();
    const alice = await opened(api, "Alice");
    const carol = await opened(api, "Carol");
    const bob = await api.account("Bob");
    const nobody = crypto.randomUUID() as AccountId;
    const log = alice.creation.log;
    expect((await api.get(`/keys/${alice.account.id}`, bob.token)).body).toEqual({ account: alice.account.id, log });
    expect((await api.get(`/keys/${alice.account.id}?after=0`, bob.token)).body.log).toEqual(log.slice(1));
    expect((await api.get(`/keys/${alice.account.id}?after=2`, bob.token)).body.log).toEqual([]);
    expect((await api.get(`/keys/${bob.id}`, bob.token)).body.code).toBe("no-keys");
    expect((await api.get(`/keys/${nobody}`, bob.token)).body.code).toBe("not-found");
    const bulk = await api.post("/keys/bulk", { accounts: [alice.account.id, carol.account.id, bob.id, nobody] }, bob.token);
    expect(new Map(bulk.body.accounts.map((each: { account: string; log: unknown }) => [each.account, each.log]))).toEqual(
      new Map([
        [alice.account.id, log],
        [carol.account.id, carol.creation.log],
      ]),
    );
  });
});
