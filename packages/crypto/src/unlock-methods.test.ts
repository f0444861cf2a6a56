import { expect, test } from "bun:test";
import { type AccountId, decodeWraps, encodeWraps, labels } from "@cychat/protocol";
import { eachFlip, refusal } from "../testing/world.ts";
import { generateIdentity, sign } from "./identity.ts";
import { hkdfAesKey, randomBytes } from "./primitives.ts";
import {
  changeMethods,
  createMethod,
  createWraps,
  deriveRootKey,
  deriveVaultKey,
  generateRootSecret,
  openIdentity,
  openMethod,
  sealIdentity,
  verifyWraps,
} from "./unlock-methods.ts";

const account = "aaaaaaaa-0000-4000-8000-000000000000" as AccountId;
const kekOf = (text: string) => hkdfAesKey(new TextEncoder().encode(text.padEnd(32)), [labels.passwordKek]);

async function setUp() {
  const { identity, pkcs8 } = await generateIdentity();
  const identityKey = identity.publicKey;
  const root = generateRootSecret();
  const kek = await kekOf("password");
  const method = await createMethod({ account, kind: "password", kek, identityKey });
  const statement = await createWraps({ account, version: 1, identity, root, methods: [method] });
  const open = { account, method: method.method, kind: method.kind, kek, box: method.box, statement, identityKey };
  return { identity, identityKey, pkcs8, root, kek, method, statement, open };
}

test("password → box → wrap → M → V and R → identity key", async () => {
  const { open, root, identityKey, pkcs8 } = await setUp();
  const opened = await openMethod(open);
  expect(opened.root).toEqual(root);
  expect(opened.statement.version).toBe(1);
  const rootKey = await deriveRootKey(opened.root);
  const box = await sealIdentity(rootKey, account, identityKey, pkcs8);
  expect((await openIdentity(rootKey, account, identityKey, box)).privateKey.extractable).toBe(false);
  expect(await refusal(openIdentity(await deriveVaultKey(root), account, identityKey, box))).toBe("wrong-key");
  expect(await refusal(openIdentity(rootKey, account, (await generateIdentity()).identity.publicKey, box))).toBe("wrong-key");
  expect([...(await eachFlip(box, (altered) => openIdentity(rootKey, account, identityKey, altered)))].toSorted()).toEqual([
    "malformed-structure",
    "wrong-key",
  ]);
});

test("a second method is added, the password replaced, a method removed; a new M needs no other method at hand", async () => {
  const { identity, identityKey, statement, open, method } = await setUp();
  const recoveryKek = await kekOf("recovery");
  const recovery = await createMethod({ account, kind: "recovery", kek: recoveryKek, identityKey });
  const first = await verifyWraps({ account, identityKey, statement });
  const root = generateRootSecret();
  const second = await createWraps({ account, version: 2, identity, root, methods: changeMethods(first, { add: recovery }) });
  expect((await openMethod({ ...open, statement: second })).root).toEqual(root);
  const openRecovery = {
    account,
    method: recovery.method,
    kind: recovery.kind,
    kek: recoveryKek,
    box: recovery.box,
    identityKey,
  };
  expect((await openMethod({ ...openRecovery, statement: second })).root).toEqual(root);

  const newKek = await kekOf("new password");
  const password = await createMethod({ account, kind: "password", kek: newKek, identityKey });
  const replaced = changeMethods(await verifyWraps({ account, identityKey, statement: second }), {
    add: password,
    remove: method.method,
  });
  const third = await createWraps({ account, version: 3, identity, root, methods: replaced });
  expect(await refusal(openMethod({ ...open, statement: third }))).toBe("wrong-key");
  expect((await openMethod({ ...open, method: password.method, kek: newKek, box: password.box, statement: third })).root).toEqual(
    root,
  );
  expect((await openMethod({ ...openRecovery, statement: third })).root).toEqual(root);
  expect(await refusal(openMethod({ ...open, statement: second, seenVersion: 3 }))).toBe("rollback");

  expect(await refusal(() => changeMethods(first, { remove: method.method }))).toBe("not-allowed");
  expect(await refusal(createWraps({ account, version: 4, identity, root, methods: [] }))).toBe("not-allowed");
});

test("a wrong password, another account, method or kind opens nothing", async () => {
  const { open } = await setUp();
  const other = "bbbbbbbb-0000-4000-8000-000000000000" as AccountId;
  for (const change of [
    { kek: await kekOf("wrong") },
    { account: other },
    { method: "AAAAAAAAAAAAAAAAAAAAAA" },
    { kind: "recovery" as const },
  ]) {
    expect(await refusal(openMethod({ ...open, ...change }))).toBe("wrong-key");
  }
});

test("[malicious server] another identity, a statement that it signed itself, a wrap under its own key", async () => {
  const { open, identity, method } = await setUp();
  const { identity: evil } = await generateIdentity();
  const root = generateRootSecret();
  const forged = await createWraps({ account, version: 2, identity: evil, root, methods: [method] });
  expect(await refusal(openMethod({ ...open, identityKey: evil.publicKey, statement: forged }))).toBe("identity-changed");
  expect(await refusal(openMethod({ ...open, statement: forged }))).toBe("bad-signature");
  // Signed rightly, but naming another identity or another public key for this method.
  const claims = decodeWraps(forged.payload);
  const mixed = await sign(identity.privateKey, labels.wraps, encodeWraps(claims));
  expect(await refusal(openMethod({ ...open, statement: mixed }))).toBe("identity-changed");
  const swapped = {
    ...(await createMethod({ account, kind: "password", kek: await kekOf("x"), identityKey: identity.publicKey })),
    method: method.method,
  };
  const wrongKey = await createWraps({ account, version: 2, identity, root, methods: [swapped] });
  expect(await refusal(openMethod({ ...open, statement: wrongKey }))).toBe("wrong-key");
  // A wrap of an older statement, moved into a newer one.
  const old = decodeWraps(open.statement.payload);
  const moved = await sign(identity.privateKey, labels.wraps, encodeWraps({ ...old, version: 2 }));
  expect(await refusal(openMethod({ ...open, statement: moved }))).toBe("wrong-key");
});

test("every flipped bit of box and statement is refused", async () => {
  const { open, statement } = await setUp();
  expect([...(await eachFlip(open.box, (box) => openMethod({ ...open, box })))].toSorted()).toEqual([
    "malformed-structure",
    "wrong-key",
  ]);
  const ofPayload = await eachFlip(
    statement.payload,
    (payload) => openMethod({ ...open, statement: { ...statement, payload } }),
    7,
  );
  const ofSignature = await eachFlip(
    statement.signature,
    (signature) => openMethod({ ...open, statement: { ...statement, signature } }),
    3,
  );
  expect([...ofPayload, ...ofSignature]).toEqual(["bad-signature", "bad-signature"]);
  for (const box of [open.box.slice(0, -1), Uint8Array.of(...open.box, 0)])
    expect(await refusal(openMethod({ ...open, box }))).toBe("malformed-structure");
});

test("secrets of the wrong length are refused", async () => {
  expect(await refusal(async () => deriveVaultKey(randomBytes(31)))).toBe("malformed-key");
  expect(await refusal(async () => deriveRootKey(randomBytes(33)))).toBe("malformed-key");
});
