import { expect, test } from "bun:test";
import { type AccountId, encodeCbor, limits } from "@cychat/protocol";
import fc from "fast-check";
import { eachFlip, refusal } from "../testing/world.ts";
import type { CryptoError } from "./errors.ts";
import { generateSealKeyPair } from "./hpke.ts";
import { randomBytes, sha256 } from "./primitives.ts";
import { deriveVaultKey } from "./unlock-methods.ts";
import {
  type ContactPin,
  currentSafeKey,
  decodeVault,
  emptyVault,
  encodeVault,
  generateSafeKey,
  mergeVaults,
  newestEncryptionKey,
  openVault,
  pruneVault,
  sealVault,
  supersededKeyMs,
  type VaultContents,
} from "./vault.ts";

const account = "aaaaaaaa-0000-4000-8000-000000000000" as AccountId;
const bob = "bbbbbbbb-0000-4000-8000-000000000000" as AccountId;
const keys = [await generateSealKeyPair(), await generateSealKeyPair(), await generateSealKeyPair()] as const;
const pin = (n: number, firstSeenMs: number, identity = 1, verified = false): ContactPin => ({
  identityHash: new Uint8Array(32).fill(identity),
  n,
  hash: new Uint8Array(32).fill(n),
  firstSeenMs,
  verified,
});
const vault: VaultContents = {
  encryptionKeys: [
    { ...keys[0], generation: 1, createdAtMs: 100, supersededAtMs: 200 },
    { ...keys[1], generation: 2, createdAtMs: 200, supersededAtMs: null },
  ],
  safeKeys: [generateSafeKey(100), generateSafeKey(150)],
  pins: new Map([
    [bob, pin(4, 90)],
    [account, pin(2, 80)],
  ]),
  settings: new Map([["theme", { value: ["dark", 1, null, Uint8Array.of(1)], changedAtMs: 5 }]]),
};
const vaultKey = await deriveVaultKey(randomBytes(32));

test("seals and opens, and names what a certificate will name", async () => {
  const { ciphertext, hash } = await sealVault(vaultKey, account, 3, vault);
  expect(await openVault(vaultKey, account, 3, ciphertext)).toEqual(vault);
  expect(hash).toEqual(await sha256(ciphertext));
  const empty = await sealVault(vaultKey, account, 1, emptyVault);
  expect(await openVault(vaultKey, account, 1, empty.ciphertext)).toEqual(emptyVault);
});

test("another key, account or version does not open it", async () => {
  const { ciphertext } = await sealVault(vaultKey, account, 3, vault);
  expect(await refusal(openVault(await deriveVaultKey(randomBytes(32)), account, 3, ciphertext))).toBe("wrong-key");
  expect(await refusal(openVault(vaultKey, bob, 3, ciphertext))).toBe("wrong-key");
  expect(await refusal(openVault(vaultKey, account, 4, ciphertext))).toBe("wrong-key");
});

test("every flipped bit, truncation and surplus is refused", async () => {
  const { ciphertext } = await sealVault(vaultKey, account, 3, { ...vault, encryptionKeys: [] });
  const codes = await eachFlip(ciphertext, (altered) => openVault(vaultKey, account, 3, altered));
  expect([...codes].toSorted()).toEqual(["malformed-structure", "wrong-key"]);
  for (const altered of [ciphertext.slice(0, -1), Uint8Array.of(...ciphertext, 0), new Uint8Array(0)]) {
    expect(await refusal(openVault(vaultKey, account, 3, altered))).toBe("malformed-structure");
  }
});

test("the contents have one form only", async () => {
  const [k1] = [encodeVault(vault)];
  expect(decodeVault(k1)).toEqual(vault);
  const hash = new Uint8Array(32);
  const wrong = [
    [2, [], [], [], []],
    [1, [], [], []],
    [1, [], [], [], [], []],
    [1, [[1, hash, keys[0].publicKey, 1, -1]], [], [], []],
    [1, [[1, hash, hash, 1, null]], [], [], []],
    [1, [], [["a", new Uint8Array(31), 1]], [], []],
    [
      1,
      [],
      [],
      [
        [bob, hash, 1, false, 0, hash],
        [account, hash, 1, false, 0, hash],
      ],
      [],
    ],
    [1, [], [], [[bob, hash, 1, 1, 0, hash]], []],
    [
      1,
      [],
      [],
      [],
      [
        ["a", 1, 1],
        ["a", 2, 1],
      ],
    ],
  ];
  for (const value of wrong) expect(await refusal(() => decodeVault(encodeCbor(value)))).toBe("malformed-structure");
});

test("any contents survive the codec", () => {
  const settings = fc.dictionary(
    fc.string({ maxLength: 10 }).filter((name) => name.isWellFormed()),
    fc.oneof(fc.maxSafeInteger(), fc.boolean(), fc.constant(null)),
    { maxKeys: 5, noNullPrototype: true },
  );
  const pins = fc.uniqueArray(fc.tuple(fc.uuid({ version: 4 }), fc.nat(), fc.boolean()), {
    selector: ([id]) => id,
    maxLength: 5,
  });
  fc.assert(
    fc.property(settings, pins, fc.nat(), (named, seen, nowMs) => {
      const contents: VaultContents = {
        ...vault,
        settings: new Map(
          Object.entries(named)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, value]) => [name, { value, changedAtMs: nowMs }]),
        ),
        pins: new Map(seen.map(([id, n, verified]) => [id as AccountId, pin(n % 256, nowMs, 1, verified)])),
      };
      expect(decodeVault(encodeVault(contents))).toEqual(contents);
    }),
    { seed: 4, numRuns: 100 },
  );
});

test("merge: the union, the furthest pins, no key lost", () => {
  const safe = generateSafeKey(300);
  const theirs: VaultContents = {
    encryptionKeys: [
      { ...keys[0], generation: 1, createdAtMs: 100, supersededAtMs: null },
      { ...keys[2], generation: 2, createdAtMs: 210, supersededAtMs: null },
    ],
    safeKeys: [safe],
    pins: new Map([[bob, pin(7, 95, 1, true)]]),
    settings: new Map([
      ["theme", { value: "light", changedAtMs: 9 }],
      ["sound", { value: true, changedAtMs: 1 }],
    ]),
  };
  for (const [a, b] of [
    [vault, theirs],
    [theirs, vault],
  ] as const) {
    const { contents, conflicts } = mergeVaults(a, b);
    expect(conflicts).toEqual([]);
    expect(contents.encryptionKeys.map((key) => [key.generation, key.publicKey, key.supersededAtMs])).toEqual([
      [1, keys[0].publicKey, 200],
      [2, keys[1].publicKey, null],
      [2, keys[2].publicKey, null],
    ]);
    expect(contents.safeKeys).toEqual([...vault.safeKeys.toSorted((x, y) => x.createdAtMs - y.createdAtMs), safe]);
    expect(contents.pins.get(bob)).toEqual(pin(7, 90, 1, true));
    expect(contents.pins.get(account)).toEqual(pin(2, 80));
    expect(contents.settings.get("theme")?.value).toBe("light");
    expect(contents.settings.get("sound")?.value).toBe(true);
    expect(currentSafeKey(contents)).toEqual(safe);
    expect(newestEncryptionKey(contents)?.generation).toBe(2);
    expect(mergeVaults(contents, contents).contents).toEqual(contents);
  }
});

test("merge: two identities for one account are never settled silently", () => {
  const mine = { ...emptyVault, pins: new Map([[bob, pin(4, 90, 1, true)]]) };
  const theirs = { ...emptyVault, pins: new Map([[bob, pin(1, 99, 2, true)]]) };
  const { contents, conflicts } = mergeVaults(mine, theirs);
  expect(conflicts).toEqual([bob]);
  expect(contents.pins.get(bob)).toEqual(pin(1, 99, 2, false));
});

test("superseded keys go after 30 days; a vault that would be too large is refused", async () => {
  expect(pruneVault(vault, 200 + supersededKeyMs).encryptionKeys.length).toBe(2);
  expect(pruneVault(vault, 201 + supersededKeyMs).encryptionKeys.map((key) => key.generation)).toEqual([2]);
  const settings = new Map([["big", { value: new Uint8Array(limits.vaultBytes), changedAtMs: 1 }]]);
  expect(await refusal(sealVault(vaultKey, account, 1, { ...vault, settings }))).toBe("too-large");
});

test("a vault that could not be opened again is never sealed", async () => {
  const named = (...entries: [string, string][]): VaultContents => ({
    ...vault,
    settings: new Map(entries.map(([name, value]) => [name, { value, changedAtMs: 1 }])),
  });
  for (const contents of [named(["nickname", "\ufeffAda"]), named(["\ufeffname", "a"])]) {
    const sealed = await sealVault(vaultKey, account, 1, contents).catch((error: CryptoError) => error.code);
    if (typeof sealed === "string") expect(sealed).toBe("malformed-structure");
    else expect(await openVault(vaultKey, account, 1, sealed.ciphertext)).toEqual(contents);
  }
  const pins = new Map([[bob, { ...pin(4, 90), hash: new Uint8Array(31) }]]);
  for (const contents of [named(["\ud800", "a"], ["\ud801", "b"]), { ...vault, pins }])
    expect(await refusal(sealVault(vaultKey, account, 1, contents))).toBe("malformed-structure");
});

test("merge: two logs of one identity are a fork, and never settled silently", () => {
  const mine = { ...emptyVault, pins: new Map([[bob, pin(4, 90, 1, true)]]) };
  const theirs = { ...emptyVault, pins: new Map([[bob, { ...pin(4, 95), hash: new Uint8Array(32).fill(9) }]]) };
  for (const [a, b] of [
    [mine, theirs],
    [theirs, mine],
  ] as const) {
    const { contents, conflicts } = mergeVaults(a, b);
    expect(conflicts).toEqual([bob]);
    expect(contents.pins.get(bob)).toMatchObject({ n: 4, firstSeenMs: 90, verified: false });
  }
});

test("merge: two keys made in the same millisecond come out in one order whoever merges", () => {
  const withKey = (pair: (typeof keys)[number]): VaultContents => ({
    ...emptyVault,
    encryptionKeys: [{ ...pair, generation: 2, createdAtMs: 200, supersededAtMs: null }],
  });
  const [mine, theirs] = [withKey(keys[0]), withKey(keys[1])];
  const [one, other] = [mergeVaults(mine, theirs).contents, mergeVaults(theirs, mine).contents];
  expect(one).toEqual(other);
  expect(newestEncryptionKey(one)).toEqual(newestEncryptionKey(other));
});
