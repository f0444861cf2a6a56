import { expect, test } from "bun:test";
import type { AccountId } from "@cychat/protocol";
import { encodeValue } from "../store/codec.ts";
import { keptUnder, packPeople, unpackPeople } from "./kept-people.ts";

const people = Array.from({ length: 1_000 }, (_, index) => ({
  id: `${index.toString(16).padStart(8, "0")}-0000-4000-8000-${index.toString(16).padStart(12, "0")}` as AccountId,
  nickname: `Name of person ${index}`,
  pictureVersion: index % 3,
}));

test("who was kept is read as they were", () => {
  expect(unpackPeople(packPeople(people))).toEqual(people);
});

test("a thousand names take less than 60 kB, so that a room of a thousand stays under 150 kB", () => {
  expect(encodeValue(packPeople(people)).length).toBeLessThan(60_000);
});

test("everybody is in one of sixteen records", () => {
  const places = new Set(people.map(() => keptUnder(crypto.randomUUID() as AccountId)));
  expect(places.size).toBeLessThanOrEqual(16);
});
