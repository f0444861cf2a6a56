import { describe, expect, test } from "bun:test";
import type { MessageView } from "@cychat/sdk";
import { dayLabel } from "../dates.ts";
import { daysOf } from "./days.ts";

const at = (day: number, hour: number, minute = 0) => new Date(2026, 10, day, hour, minute).getTime();

let made = 0;
function message(atMs: number, changes: Partial<MessageView> = {}): MessageView {
  made += 1;
  return {
    id: `message ${made}` as MessageView["id"],
    conversation: "c" as MessageView["conversation"],
    seq: made,
    sender: "anna" as MessageView["sender"],
    senderName: "Anna",
    senderPictureVersion: 0,
    mine: false,
    kind: "text",
    text: "",
    files: [],
    isPaused: false,
    edited: false,
    deletedBy: null,
    mentions: [],
    mentionsMe: false,
    system: [],
    readBy: null,
    sentAtMs: atMs,
    atMs,
    state: "sent",
    problem: null,
    ...changes,
  };
}

const hours = (days: ReturnType<typeof daysOf>) =>
  days.map(({ rows }) => rows.map((row) => new Date(row.message.atMs ?? row.message.sentAtMs).getHours()));

describe("days", () => {
  test("each local day stands by itself, also where nothing was written in between", () => {
    const days = daysOf([message(at(20, 23, 59)), message(at(21, 0, 0)), message(at(23, 8)), message(at(23, 22))], null);
    expect(days.map(({ key }) => key)).toEqual([at(20, 0), at(21, 0), at(23, 0)]);
    expect(hours(days)).toEqual([[23], [0], [8, 22]]);
  });

  test("follow the server's clock, not the sender's", () => {
    const days = daysOf([message(at(22, 10), { sentAtMs: at(2, 10) }), message(at(23, 9), { sentAtMs: at(22, 9) })], null);
    expect(days.map(({ key }) => key)).toEqual([at(22, 0), at(23, 0)]);
  });

  test("never come back: what seems to be from an earlier day stays under the later one", () => {
    const days = daysOf([message(at(23, 0, 1)), message(at(22, 23, 59), { seq: null, atMs: null })], null);
    expect(days).toHaveLength(1);
  });

  test("are called today, yesterday, and by their date, with the year where it is another one", () => {
    const now = at(23, 12);
    const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" }).format(at(21, 12));
    const ago = (days: number) => new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(-days, "day");
    expect(dayLabel(at(23, 1), now).toLowerCase()).toBe(ago(0).toLowerCase());
    expect(dayLabel(at(22, 23), now).toLowerCase()).toBe(ago(1).toLowerCase());
    expect(dayLabel(at(21, 23), now)).toContain(weekday);
    expect(dayLabel(at(21, 23), now)).not.toContain("2026");
    expect(dayLabel(new Date(2025, 10, 23).getTime(), now)).toContain("2025");
  });
});

describe("runs", () => {
  const shape = (days: ReturnType<typeof daysOf>) =>
    days.map(({ rows }) => rows.map(({ first, last }) => `${first ? "[" : ""}x${last ? "]" : ""}`).join(""));

  test("are messages of one sender with less than five minutes between them, and end with the day", () => {
    const bert = { sender: "bert" as MessageView["sender"] };
    const days = daysOf(
      [
        message(at(22, 10)),
        message(at(22, 10, 4)),
        message(at(22, 10, 9)),
        message(at(22, 10, 10), bert),
        message(at(22, 23, 58)),
        message(at(23, 0, 1)),
      ],
      null,
    );
    expect(shape(days)).toEqual(["[xx][x][x][x]", "[x]"]);
  });
});

describe("the unread divider", () => {
  const dividers = (days: ReturnType<typeof daysOf>) => days.flatMap(({ rows }) => rows).map(({ divider }) => divider);

  test("stands once, before the first message of somebody else after what was read, and starts a run", () => {
    const read = message(at(23, 9), { seq: 100 });
    const own = message(at(23, 9, 1), { seq: 101, mine: true });
    const days = daysOf([read, own, message(at(23, 9, 1), { seq: 102 }), message(at(23, 9, 2), { seq: 103 })], 100);
    expect(dividers(days)).toEqual([false, false, true, false]);
    expect(days[0]?.rows[2]?.first).toBe(true);
  });

  test("is not there where everything is read, nor without a place for it", () => {
    const two = () => [message(at(23, 9), { seq: 1 }), message(at(23, 9, 1), { seq: 2 })];
    expect(dividers(daysOf(two(), 2))).toEqual([false, false]);
    expect(dividers(daysOf(two(), null))).toEqual([false, false]);
  });
});

describe("what happened in a room", () => {
  const anna = { id: "anna" as MessageView["sender"], nickname: "Anna", pictureVersion: 0 };
  const system = (atMs: number, kind: "left" | "settings" = "left") =>
    message(atMs, { kind: "system", system: [{ kind, actor: anna }] });

  test("is one row where it follows each other, which counts all its messages and has the newest number", () => {
    const before = message(at(23, 9));
    const [one, two] = [system(at(23, 9, 1)), system(at(23, 9, 2), "settings")];
    const rows = daysOf([before, one, two, message(at(23, 9, 3))], null).flatMap((day) => day.rows);
    expect(rows.map(({ span }) => span)).toEqual([1, 2, 1]);
    expect(rows[1]?.message.id).toBe(one.id);
    expect(rows[1]?.seq).toBe(two.seq);
    expect(rows[1]?.system.map(({ kind }) => kind)).toEqual(["left", "settings"]);
  });

  test("ends a run, and stands apart on another day", () => {
    const days = daysOf(
      [message(at(22, 9)), system(at(22, 9, 1)), message(at(22, 9, 2)), system(at(22, 23)), system(at(23, 1))],
      null,
    );
    expect(days.map(({ rows }) => rows.map(({ first, last }) => [first, last]))).toEqual([
      [
        [true, true],
        [true, true],
        [true, true],
        [true, true],
      ],
      [[true, true]],
    ]);
  });

  test("is no news: the unread divider stands before the first message after it", () => {
    const days = daysOf([message(at(23, 9), { seq: 1 }), { ...system(at(23, 10)), seq: 2 }, message(at(23, 11), { seq: 3 })], 1);
    expect(days.flatMap(({ rows }) => rows).map(({ divider }) => divider)).toEqual([false, false, true]);
  });
});
