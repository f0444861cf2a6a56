import { expect, test } from "bun:test";
import { type CborValue, encodeCbor, limits } from "@cychat/protocol";
import { eachFlip, refusal, World } from "../testing/world.ts";
import { randomBytes, sha256, zeroHash } from "./primitives.ts";
import { decodeRoomProfile, encodeRoomProfile, maxRoomPictureBytes, openRoomProfile, sealRoomProfile } from "./room-profile.ts";

const { conversation } = await World.create();
const key = randomBytes(32);
const picture = { type: "image/png", bytes: randomBytes(100) };
const profile = { name: "Schach ♟", topic: "jeden Dienstag", picture };

test("[P9.14] name, topic and picture survive, and the same ones never have the same hash twice", async () => {
  const [one, two] = [encodeRoomProfile(profile), encodeRoomProfile(profile)];
  expect(decodeRoomProfile(one)).toEqual(profile);
  expect(await sha256(one)).not.toEqual(await sha256(two));
  const bare = { name: "x", topic: "", picture: null };
  expect(decodeRoomProfile(encodeRoomProfile(bare))).toEqual(bare);
  const largest = {
    name: "n".repeat(limits.roomNameChars),
    topic: "€".repeat(limits.roomTopicChars),
    picture: { type: "image/webp", bytes: randomBytes(maxRoomPictureBytes) },
  };
  expect((await sealRoomProfile(key, conversation, 1, encodeRoomProfile(largest))).length).toBeLessThanOrEqual(
    limits.roomProfileBytes,
  );
});

test("[P9.14] refused: no name, too long, another kind of picture, a picture that is too large", async () => {
  const bare = { name: "x", topic: "", picture: null };
  for (const [wrong, code] of [
    [{ ...bare, name: "" }, "malformed-content"],
    [{ ...bare, name: " \n" }, "malformed-content"],
    [{ ...bare, name: "n".repeat(limits.roomNameChars + 1) }, "malformed-content"],
    [{ ...bare, topic: "t".repeat(limits.roomTopicChars + 1) }, "malformed-content"],
    [{ ...bare, name: "\ud800" }, "malformed-structure"],
    [{ ...bare, picture: { type: "image/svg+xml", bytes: picture.bytes } }, "malformed-content"],
    [{ ...bare, picture: { type: "image/png", bytes: new Uint8Array(maxRoomPictureBytes + 1) } }, "too-large"],
  ] as const)
    expect(await refusal(() => encodeRoomProfile(wrong))).toBe(code);
  const salt = randomBytes(32);
  const wrong: CborValue[] = [
    [salt, "x", ""],
    [salt, "x", "", null, 1],
    [salt.slice(1), "x", "", null],
    [salt, "", "", null],
    [salt, "x", null, null],
    [salt, "x", "", ["image/png"]],
    [salt, "x", "", ["image/png", salt, 1]],
    [salt, "x", "", ["text/html", salt]],
    [salt, "n".repeat(limits.roomNameChars + 1), "", null],
    "x",
  ];
  for (const value of wrong) expect(await refusal(() => decodeRoomProfile(encodeCbor(value)))).toBe("malformed-structure");
});

test("[P9.14] the box opens with its epoch's key and place only, and the profile is the one that the records name", async () => {
  const bytes = encodeRoomProfile(profile);
  const hash = await sha256(bytes);
  const box = await sealRoomProfile(key, conversation, 3, bytes);
  expect(await openRoomProfile(key, conversation, 3, box, hash)).toEqual({ bytes, profile });
  expect((await openRoomProfile(key, conversation, 3, box, null)).profile.name).toBe(profile.name);
  expect(await refusal(openRoomProfile(key, conversation, 3, box, zeroHash()))).toBe("profile-mismatch");
  expect(await refusal(openRoomProfile(key, conversation, 4, box, hash))).toBe("wrong-key");
  expect(await refusal(openRoomProfile(randomBytes(32), conversation, 3, box, hash))).toBe("wrong-key");
  expect(await refusal(openRoomProfile(key, (await sha256(key)).toHex() as typeof conversation, 3, box, hash))).toBe("wrong-key");
  const codes = await eachFlip(box, (altered) => openRoomProfile(key, conversation, 3, altered, hash), 5);
  expect([...codes].toSorted()).toEqual(["malformed-structure", "wrong-key"]);
  const nothing = await sealRoomProfile(key, conversation, 3, encodeCbor(["x"]));
  expect(await refusal(openRoomProfile(key, conversation, 3, nothing, null))).toBe("malformed-structure");
  expect(await refusal(sealRoomProfile(key.slice(1), conversation, 3, bytes))).toBe("malformed-key");
});
