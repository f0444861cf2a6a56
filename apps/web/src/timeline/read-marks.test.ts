import { expect, test } from "bun:test";
import type { MessageView } from "@cychat/sdk";
import { readMarks } from "./read-marks.ts";

const message = (id: string, readBy: number | null, mine = true) =>
  ({ id, readBy, mine, kind: "text" }) as unknown as MessageView;

test("how many have read stands once per number, below the newest own message that they have read", () => {
  const marks = readMarks([
    message("a", 3),
    message("b", 3),
    message("of others", null, false),
    message("c", 1),
    message("d", 0),
    message("e", null),
  ]);
  expect([...marks]).toEqual([
    ["c", 1],
    ["b", 3],
  ] as unknown as [MessageView["id"], number][]);
});
