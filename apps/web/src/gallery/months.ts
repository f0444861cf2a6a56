// The gallery's items by month, newest first.
import type { SharedFilesPage } from "@cychat/sdk";

export type Item = SharedFilesPage["items"][number];

export interface Month {
  /** Its first moment, by this device's clock. */
  readonly startMs: number;
  readonly items: readonly Item[];
}

export const keyOf = ({ message, index }: Item) => `${message.id} ${index}`;
export const sentAt = ({ message }: Item) => message.atMs ?? message.sentAtMs;

/** Items follow their order in the conversation, also where a clock was wrong. */
export function monthsOf(items: readonly Item[]): readonly Month[] {
  const months: { startMs: number; items: Item[] }[] = [];
  for (const item of items) {
    const at = new Date(sentAt(item));
    const startMs = new Date(at.getFullYear(), at.getMonth()).getTime();
    const last = months.at(-1);
    if (last?.startMs === startMs) last.items.push(item);
    else months.push({ startMs, items: [item] });
  }
  return months;
}
