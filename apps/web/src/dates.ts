// Dates and times as people read them, by Intl; formatters are slow to make and are kept.
const locale = undefined;
const timeFormat = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const weekdayFormat = new Intl.DateTimeFormat(locale, { weekday: "short" });
const dayFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const dayYearFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const longDayFormat = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const longDayYearFormat = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
const monthFormat = new Intl.DateTimeFormat(locale, { month: "long" });
const monthYearFormat = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric" });
const fullFormat = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
const relativeFormat = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

const dayMs = 86_400_000;
const startOfDay = (ms: number) => new Date(ms).setHours(0, 0, 0, 0);
const daysAgo = (ms: number, nowMs: number) => Math.round((startOfDay(nowMs) - startOfDay(ms)) / dayMs);
const sameYear = (a: number, b: number) => new Date(a).getFullYear() === new Date(b).getFullYear();
const capital = (text: string) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

export const timeOf = (ms: number) => timeFormat.format(ms);
export const fullTime = (ms: number) => fullFormat.format(ms);
export const dateOf = (ms: number) => dayYearFormat.format(ms);
/** Tells the days of a timeline apart. */
export const dayKey = (ms: number) => startOfDay(ms);

/** For a list: the time today, then the weekday, then the date. */
export function shortWhen(ms: number, nowMs: number): string {
  const days = daysAgo(ms, nowMs);
  if (days <= 0) return timeFormat.format(ms);
  if (days === 1) return capital(relativeFormat.format(-1, "day"));
  if (days < 7) return weekdayFormat.format(ms);
  return sameYear(ms, nowMs) ? dayFormat.format(ms) : dayYearFormat.format(ms);
}

/** For a day separator. */
export function dayLabel(ms: number, nowMs: number): string {
  const days = daysAgo(ms, nowMs);
  if (days === 0 || days === 1) return capital(relativeFormat.format(-days, "day"));
  return sameYear(ms, nowMs) ? longDayFormat.format(ms) : longDayYearFormat.format(ms);
}

/** "May", "May 2024"; `ms`: some time in it. */
export const monthLabel = (ms: number, nowMs = Date.now()) => (sameYear(ms, nowMs) ? monthFormat : monthYearFormat).format(ms);

/** "5 minutes ago", "yesterday". */
export function relativeWhen(ms: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (seconds < 60) return relativeFormat.format(0, "minute");
  if (seconds < 3600) return relativeFormat.format(-Math.floor(seconds / 60), "minute");
  const days = daysAgo(ms, nowMs);
  if (days === 0) return relativeFormat.format(-Math.floor(seconds / 3600), "hour");
  if (days < 7) return `${relativeFormat.format(-days, "day")}, ${timeFormat.format(ms)}`;
  return sameYear(ms, nowMs) ? dayFormat.format(ms) : dayYearFormat.format(ms);
}

const dateTimeFormat = new Intl.DateTimeFormat(locale, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
/** "Sat 23 May, 14:05", for a time to come. */
export const dateTimeOf = (ms: number) => dateTimeFormat.format(ms);
