import { describe, expect, test } from "bun:test";
import type { SystemLine } from "@cychat/sdk";
import type { AccountId } from "../state/types.ts";
import { systemTexts } from "./system-lines.ts";

const person = (nickname: string) => ({ id: `id of ${nickname}` as AccountId, nickname, pictureVersion: 0 });
const [anna, bert, cleo, dora] = [person("Anna"), person("Bert"), person("Cleo"), person("Dora")] as const;
const added = (actor: typeof anna, who: typeof anna): SystemLine => ({ kind: "joined", by: "added", actor, who });
const byLink = (who: typeof anna): SystemLine => ({ kind: "joined", by: "link", actor: who, who });

describe("what happened in a room, in words", () => {
  test("several of one kind that follow each other are one line, each name once", () => {
    expect(systemTexts([added(anna, bert), added(anna, cleo), added(anna, cleo)], dora.id)).toEqual(["Anna added Bert and Cleo"]);
    expect(systemTexts([byLink(bert), byLink(cleo), byLink(dora)], anna.id)).toEqual([
      "Bert, Cleo and Dora joined by an invite link",
    ]);
    expect(
      systemTexts(
        [
          { kind: "pinned", actor: anna },
          { kind: "pinned", actor: anna },
        ],
        bert.id,
      ),
    ).toEqual(["Anna pinned 2 messages"]);
  });

  test("what others did, or did in between, is a line of its own", () => {
    expect(systemTexts([added(anna, bert), added(cleo, dora)], undefined)).toEqual(["Anna added Bert", "Cleo added Dora"]);
    expect(systemTexts([added(anna, bert), { kind: "left", actor: cleo }, added(anna, dora)], undefined)).toEqual([
      "Anna added Bert",
      "Cleo left",
      "Anna added Dora",
    ]);
    expect(systemTexts([added(anna, bert), byLink(cleo)], undefined)).toEqual([
      "Anna added Bert",
      "Cleo joined by an invite link",
    ]);
  });

  test("the reader is 'You' as who did it and 'you' as whom it was done to", () => {
    expect(systemTexts([{ kind: "created", actor: anna }, added(anna, bert)], anna.id)).toEqual([
      "You made this room",
      "You added Bert",
    ]);
    expect(systemTexts([{ kind: "removed", actor: anna, who: bert }], bert.id)).toEqual(["Anna removed you"]);
    expect(systemTexts([byLink(bert), byLink(cleo)], bert.id)).toEqual(["You and Cleo joined by an invite link"]);
  });

  test("a role says what somebody became, and why where nobody gave it", () => {
    const role = (wanted: "owner" | "admin" | "member", who: typeof anna, succeeded = false): SystemLine => ({
      kind: "role",
      role: wanted,
      succeeded,
      actor: anna,
      who,
    });
    expect(systemTexts([role("admin", bert), role("admin", cleo)], undefined)).toEqual(["Anna made Bert and Cleo admins"]);
    expect(systemTexts([role("member", bert)], bert.id)).toEqual(["Anna took the admin rights from you"]);
    expect(systemTexts([role("owner", bert, true)], bert.id)).toEqual(["You are the owner now, because the last one left"]);
    expect(systemTexts([role("owner", bert, true)], cleo.id)).toEqual(["Bert is the owner now, because the last one left"]);
  });

  test("who is not known yet is somebody", () => {
    expect(systemTexts([{ kind: "left", actor: { ...bert, nickname: "" } }], undefined)).toEqual(["Somebody left"]);
  });
});
