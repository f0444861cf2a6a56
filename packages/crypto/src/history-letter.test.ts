import { expect, test } from "bun:test";
import { type CborValue, encodeCbor, labels } from "@cychat/protocol";
import { Room } from "../testing/room.ts";
import { eachFlip, Person, refusal } from "../testing/world.ts";
import { type LetterReference, openHistory, sealHistory } from "./history-letter.ts";
import { type SealKeyPair, sealTo } from "./hpke.ts";
import { type Bytes, randomBytes } from "./primitives.ts";

const [ada, bob] = [await Person.create("a"), await Person.create("b")];
const room = await Room.create(ada, { members: [bob] });
await room.change(ada, [], { renew: true });
await room.change(ada, [], { renew: true });
const keyPair = bob.keyPairs.get(1) as SealKeyPair;
const reference: LetterReference = {
  conversation: room.conversation,
  recordHash: room.chain.hash,
  recipient: bob.account,
  generation: 1,
};
const key = (epoch: number) => room.keys.get(epoch) as Bytes;

test("[P9.10] a letter holds keys in ascending order, each of them the one of its record", async () => {
  const scrambled = new Map([3, 1, 2].map((epoch) => [epoch, key(epoch)]));
  const letter = await sealHistory(reference, keyPair.publicKey, scrambled);
  expect(letter).toMatchObject({ recipient: bob.account, generation: 1 });
  expect([...(await openHistory(room.chain, reference, letter, keyPair))]).toEqual([1, 2, 3].map((epoch) => [epoch, key(epoch)]));
});

test("[malicious member] a letter with a key that a record does not commit to, or of an epoch that there is not", async () => {
  const codeOf = async (keys: Map<number, Bytes>) =>
    refusal(openHistory(room.chain, reference, await sealHistory(reference, keyPair.publicKey, keys), keyPair));
  expect(await codeOf(new Map([[1, randomBytes(32)]]))).toBe("commitment-mismatch");
  expect(
    await codeOf(
      new Map([
        [1, key(1)],
        [2, key(1)],
      ]),
    ),
  ).toBe("commitment-mismatch");
  expect(await codeOf(new Map([[4, key(1)]]))).toBe("unknown-epoch");
  expect(await codeOf(new Map([[0, key(1)]]))).toBe("unknown-epoch");
});

test("a letter is for one recipient, key and record, and every altered one is refused", async () => {
  const letter = await sealHistory(reference, keyPair.publicKey, room.keys);
  for (const wrong of [
    { conversation: (await Room.create(ada)).conversation },
    { recordHash: randomBytes(32) },
    { recipient: ada.account },
    { generation: 2 },
  ])
    expect(await refusal(openHistory(room.chain, { ...reference, ...wrong }, letter, keyPair))).toBe("wrong-key");
  expect(await refusal(openHistory(room.chain, reference, letter, ada.keyPairs.get(1) as SealKeyPair))).toBe("wrong-key");
  for (const part of ["ciphertext", "encapsulated"] as const) {
    const codes = await eachFlip(
      letter[part],
      (bytes) => openHistory(room.chain, reference, { ...letter, [part]: bytes }, keyPair),
      97,
    );
    expect([...codes]).toEqual(["wrong-key"]);
  }
});

test("a letter of another form is refused", async () => {
  const { conversation, recordHash, recipient, generation } = reference;
  const info = encodeCbor([labels.history, conversation, recordHash, recipient, generation]);
  const wrong: CborValue[] = [
    1,
    [1],
    [[1]],
    [[1, key(1), 1]],
    [["1", key(1)]],
    [[1, key(1).slice(1)]],
    [
      [2, key(2)],
      [1, key(1)],
    ],
    [
      [1, key(1)],
      [1, key(1)],
    ],
  ];
  for (const value of wrong) {
    const sealed = await sealTo(keyPair.publicKey, info, encodeCbor(value));
    expect(await refusal(openHistory(room.chain, reference, sealed, keyPair))).toBe("malformed-structure");
  }
  const long = new Map(Array.from({ length: 8000 }, (_, at) => [at, key(1)]));
  expect(await refusal(sealHistory(reference, keyPair.publicKey, long))).toBe("too-large");
});
