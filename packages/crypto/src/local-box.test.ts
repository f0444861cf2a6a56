import { expect, test } from "bun:test";
import { labels } from "@cychat/protocol";
import { eachFlip, refusal } from "../testing/world.ts";
import { newStoreKey, openLocal, sealLocal } from "./local-box.ts";
import { sealBox } from "./primitives.ts";

const key = await newStoreKey();
const bytes = new Uint8Array(50).fill(3);

test("opens with its key, at its place", async () => {
  const box = await sealLocal(key, ["messages", "id-1"], bytes);
  expect(await openLocal(key, ["messages", "id-1"], box)).toEqual(bytes);
  expect(key.extractable).toBe(false);
  for (const place of [["messages", "id-2"], ["outbox", "id-1"], ["messages", "id-1", 1], ["messages"], []]) {
    expect(await refusal(openLocal(key, place, box))).toBe("wrong-key");
  }
  expect(await refusal(openLocal(await newStoreKey(), ["messages", "id-1"], box))).toBe("wrong-key");
});

test("what was kept as CBOR before opens, too", async () => {
  const box = await sealBox(key, [labels.localStore, "messages", "id-1"], bytes);
  expect(await openLocal(key, ["messages", "id-1"], box)).toEqual(bytes);
  expect(await refusal(openLocal(key, ["messages", "id-2"], box))).toBe("wrong-key");
});

test("every flipped bit is refused", async () => {
  const box = await sealLocal(key, ["a"], bytes);
  const codes = await eachFlip(box, (altered) => openLocal(key, ["a"], altered));
  expect([...codes].toSorted()).toEqual(["malformed-structure", "wrong-key"]);
});
