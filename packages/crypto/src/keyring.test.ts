import { expect, test } from "bun:test";
import { type AccountId, type ConversationId, encodeCbor, toBase64url } from "@cychat/protocol";
import fc from "fast-check";
import { eachFlip, refusal } from "../testing/world.ts";
import {
  decodeKeyring,
  emptyKeyring,
  encodeKeyring,
  eraseEpochs,
  importSafeKey,
  type Keyring,
  mergeKeyrings,
  openKeyring,
  sealKeyring,
  withEpochKey,
  withEpochKeys,
} from "./keyring.ts";
import { randomBytes, sha256, zeroHash } from "./primitives.ts";
import { generateSafeKey } from "./vault.ts";

const safeKey = await importSafeKey(generateSafeKey(0).key);
const place = {
  account: "aaaaaaaa-0000-4000-8000-000000000000" as AccountId,
  conversation: toBase64url(await sha256(new Uint8Array(0))) as ConversationId,
  version: 1,
  previousHash: zeroHash(),
};
const pinAt = (index: number) => ({ index, hash: new Uint8Array(32).fill(index) });
const keyring: Keyring = {
  keys: new Map([
    [1, randomBytes(32)],
    [255, randomBytes(32)],
    [256, randomBytes(32)],
    [1000, randomBytes(32)],
  ]),
  erased: new Set([2, 3]),
  pin: pinAt(9),
};

test("seals and opens, version after version", async () => {
  const first = await sealKeyring(safeKey, place, keyring);
  expect(await openKeyring(safeKey, place, first.ciphertext)).toEqual(keyring);
  expect(first.hash).toEqual(await sha256(first.ciphertext));
  const next = { ...place, version: 2, previousHash: first.hash };
  const second = await sealKeyring(safeKey, next, emptyKeyring);
  expect(await openKeyring(safeKey, next, second.ciphertext)).toEqual(emptyKeyring);
  expect(safeKey.extractable).toBe(false);
});

test("another safe key, account, conversation, version or past does not open it", async () => {
  const { ciphertext } = await sealKeyring(safeKey, place, keyring);
  const other = toBase64url(await sha256(Uint8Array.of(1))) as ConversationId;
  for (const change of [
    { account: "bbbbbbbb-0000-4000-8000-000000000000" as AccountId },
    { conversation: other },
    { version: 2 },
    { previousHash: randomBytes(32) },
  ]) {
    expect(await refusal(openKeyring(safeKey, { ...place, ...change }, ciphertext))).toBe("wrong-key");
  }
  expect(await refusal(openKeyring(await importSafeKey(randomBytes(32)), place, ciphertext))).toBe("wrong-key");
});

test("every flipped bit, truncation and surplus is refused", async () => {
  const { ciphertext } = await sealKeyring(safeKey, place, keyring);
  const codes = await eachFlip(ciphertext, (altered) => openKeyring(safeKey, place, altered));
  expect([...codes].toSorted()).toEqual(["malformed-structure", "wrong-key"]);
  for (const altered of [ciphertext.slice(0, -1), Uint8Array.of(...ciphertext, 0)]) {
    expect(await refusal(openKeyring(safeKey, place, altered))).toBe("malformed-structure");
  }
});

test("any keyring survives the codec, and has one form only", async () => {
  const entry = fc.tuple(
    fc.nat(3000),
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map((key) => new Uint8Array(key)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(entry, { selector: ([epoch]) => epoch, maxLength: 40 }),
      fc.uniqueArray(fc.nat(3000), { maxLength: 20 }),
      async (entries, erased) => {
        const raw: Keyring = { keys: new Map(entries), erased: new Set(), pin: null };
        const made = eraseEpochs(raw, erased);
        expect(decodeKeyring(encodeKeyring(made))).toEqual(made);
        for (const epoch of erased) expect(made.keys.has(epoch)).toBe(false);
      },
    ),
    { seed: 5, numRuns: 60 },
  );
  const key = new Uint8Array(32);
  const wrong = [
    [2, [], [], null],
    [1, [], []],
    [1, [], [], null, 1],
    [1, [[0, [[300, key]]]], [], null],
    [
      1,
      [
        [
          0,
          [
            [2, key],
            [1, key],
          ],
        ],
      ],
      [],
      null,
    ],
    [
      1,
      [
        [
          0,
          [
            [1, key],
            [1, key],
          ],
        ],
      ],
      [],
      null,
    ],
    [1, [[0, []]], [], null],
    [1, [[0, [[1, key.slice(1)]]]], [], null],
    [1, [], [2, 1], null],
    [1, [], ["1"], null],
    [1, [], 1, null],
    [1, [[0, [[1, key]]]], [1], null],
    [1, [], [], [1]],
    [1, [], [], [1, key, 1]],
  ];
  for (const value of wrong) expect(await refusal(() => decodeKeyring(encodeCbor(value)))).toBe("malformed-structure");
});

test("merge: union minus erased, furthest pin, in any order", async () => {
  const [one, two, three] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const mine: Keyring = {
    keys: new Map([
      [1, one],
      [2, two],
    ]),
    erased: new Set(),
    pin: pinAt(2),
  };
  const theirs: Keyring = {
    keys: new Map([
      [2, two],
      [3, three],
    ]),
    erased: new Set([1]),
    pin: pinAt(3),
  };
  for (const [a, b] of [
    [mine, theirs],
    [theirs, mine],
  ] as const) {
    const merged = mergeKeyrings(a, b);
    expect([...merged.keys.keys()].toSorted()).toEqual([2, 3]);
    expect(merged.erased).toEqual(new Set([1]));
    expect(merged.pin).toEqual(pinAt(3));
  }
  const contradicting = { ...theirs, keys: new Map([[2, one]]) };
  expect(await refusal(() => mergeKeyrings(mine, contradicting))).toBe("fork");
  expect(await refusal(() => mergeKeyrings(mine, { ...theirs, pin: { index: 2, hash: randomBytes(32) } }))).toBe("fork");
});

test("a key goes in with its pin, and an erased epoch never comes back", async () => {
  const filled = withEpochKey(emptyKeyring, 1, randomBytes(32), pinAt(0));
  expect(filled.pin).toEqual(pinAt(0));
  const erased = eraseEpochs(filled, [1]);
  expect(erased.keys.size).toBe(0);
  expect(mergeKeyrings(filled, erased).keys.size).toBe(0);
  expect(await refusal(() => withEpochKey(erased, 1, randomBytes(32), pinAt(1)))).toBe("not-allowed");
});

test("many keys go in at once: those of erased epochs stay out, the pin never goes back, and two keys for one epoch are a fork", async () => {
  const [one, two, three] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const before = eraseEpochs(withEpochKey(emptyKeyring, 2, two, pinAt(5)), [1]);
  const letter = new Map([
    [1, one],
    [2, two],
    [3, three],
  ]);
  const after = withEpochKeys(before, letter, pinAt(4));
  expect(new Map(after.keys)).toEqual(
    new Map([
      [2, two],
      [3, three],
    ]),
  );
  expect(after.pin).toEqual(pinAt(5));
  expect(withEpochKeys(after, new Map(), pinAt(6)).pin).toEqual(pinAt(6));
  expect(await refusal(() => withEpochKeys(before, new Map([[2, one]]), pinAt(5)))).toBe("fork");
});

test("a keyring that could not be opened again is never sealed", async () => {
  const key = randomBytes(32);
  for (const wrong of [
    { ...emptyKeyring, keys: new Map([[1, key.slice(1)]]) },
    { ...emptyKeyring, keys: new Map([[1, key]]), erased: new Set([1]) },
    { ...emptyKeyring, pin: { index: 1, hash: key.slice(1) } },
  ])
    expect(await refusal(sealKeyring(safeKey, place, wrong))).toBe("malformed-structure");
});
