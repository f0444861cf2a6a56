// Messages as a reader sees them: days, runs of one sender inside a day, and what happened in a room between them.
import type { MessageView, SystemLine } from "@cychat/sdk";
import { dayKey } from "../dates.ts";

export interface Row {
  /** The first of several where what happened is said together. */
  readonly message: MessageView;
  /** How many of the given messages stand in this row: 1, or more where what happened is said together. */
  readonly span: number;
  /** The newest number in this row. */
  readonly seq: number | null;
  readonly system: readonly SystemLine[];
  readonly first: boolean;
  readonly last: boolean;
  /** The unread divider stands before this one. */
  readonly divider: boolean;
}

export interface Day {
  readonly key: number;
  readonly rows: readonly Row[];
}

const runMs = 5 * 60_000;
const timeOf = (message: MessageView) => message.atMs ?? message.sentAtMs;
const isSystem = (message: MessageView) => message.kind === "system";

export function daysOf(messages: readonly MessageView[], dividerAfterSeq: number | null): readonly Day[] {
  const days: { key: number; rows: Row[] }[] = [];
  let dividerDone = dividerAfterSeq === null;
  for (const [index, message] of messages.entries()) {
    const key = dayKey(timeOf(message));
    let day = days.at(-1);
    // The clocks behind `atMs` and `sentAtMs` may differ: a day never comes back.
    if (!day || key > day.key) {
      day = { key, rows: [] };
      days.push(day);
    }
    const lastRow = day.rows.at(-1);
    if (lastRow && isSystem(message) && isSystem(lastRow.message)) {
      const { seq, span, system } = lastRow;
      day.rows[day.rows.length - 1] = {
        ...lastRow,
        span: span + 1,
        seq: message.seq ?? seq,
        system: [...system, ...message.system],
      };
      continue;
    }
    const isNew = !message.mine && !isSystem(message) && message.seq !== null && message.seq > (dividerAfterSeq ?? 0);
    const divider = !dividerDone && isNew;
    if (divider) dividerDone = true;
    const before = day.rows.length > 0 && !divider ? messages[index - 1] : undefined;
    const after = messages[index + 1];
    const afterStartsDay = after !== undefined && dayKey(timeOf(after)) > day.key;
    day.rows.push({
      message,
      span: 1,
      seq: message.seq,
      system: message.system,
      first: !before || !joined(before, message),
      last: !after || afterStartsDay || !joined(message, after),
      divider,
    });
  }
  return days;
}

const joined = (a: MessageView, b: MessageView) =>
  a.sender === b.sender && !isSystem(a) && !isSystem(b) && timeOf(b) - timeOf(a) < runMs;
