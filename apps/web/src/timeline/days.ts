// Messages as a reader sees them: days, and runs of one sender inside a day.
import type { MessageView } from "@cychat/sdk";
import { dayKey } from "../dates.ts";

export interface Row {
  readonly message: MessageView;
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
    const divider = !dividerDone && !message.mine && message.seq !== null && message.seq > (dividerAfterSeq ?? 0);
    if (divider) dividerDone = true;
    const before = day.rows.length > 0 && !divider ? messages[index - 1] : undefined;
    const after = messages[index + 1];
    const afterStartsDay = after !== undefined && dayKey(timeOf(after)) > day.key;
    day.rows.push({
      message,
      first: !before || !joined(before, message),
      last: !after || afterStartsDay || !joined(message, after),
      divider,
    });
  }
  return days;
}

const joined = (a: MessageView, b: MessageView) => a.sender === b.sender && timeOf(b) - timeOf(a) < runMs;
