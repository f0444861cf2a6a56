// When to remind of the recovery key: at once, after a day, after three, then weekly. Kept in the vault's settings, so
// that all devices of an account remind together and not in turn.
import type { CborValue } from "@cychat/protocol";

export const reminderSetting = "recovery-reminder";

const dayMs = 24 * 3600 * 1000;
const pausesMs = [dayMs, 3 * dayMs, 7 * dayMs] as const;

interface Reminder {
  readonly postponed: number;
  readonly nextAtMs: number;
}

function readReminder(value: CborValue | undefined): Reminder {
  if (!Array.isArray(value)) return { postponed: 0, nextAtMs: 0 };
  const [postponed, nextAtMs] = value as readonly CborValue[];
  if (typeof postponed !== "number" || typeof nextAtMs !== "number") return { postponed: 0, nextAtMs: 0 };
  return { postponed, nextAtMs };
}

export function nextReminderAtMs(value: CborValue | undefined): number {
  return readReminder(value).nextAtMs;
}

export function postponed(value: CborValue | undefined, nowMs: number): CborValue {
  const { postponed: times } = readReminder(value);
  const pauseMs = pausesMs[Math.min(times, pausesMs.length - 1)] ?? dayMs;
  return [times + 1, Math.round(nowMs + pauseMs)];
}
