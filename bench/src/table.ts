// The table of a run, for people.
import type { Outcome, Row } from "./measure.ts";
import type { Spread } from "./statistics.ts";

const headings = ["what", "ours (min–max)", "beside", "theirs (min–max)", "ratio (min–max)", "target"] as const;

/** A table in plain text; with `markdown`, one that docs/benchmarks.md can take as it is. */
export function tableOf(rows: readonly Row[], form: "text" | "markdown" = "text"): string {
  const cells = rows.map(cellsOf);
  if (form === "markdown") {
    const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
    return [line(headings), `|${"---|".repeat(headings.length)}`, ...cells.map(line)].join("\n");
  }
  const widths = headings.map((heading, column) => Math.max(heading.length, ...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(headings), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

function cellsOf({ what, unit, ours, beside, ratio, target }: Row): string[] {
  return [
    what,
    `${spreadText(ours)} ${unit}`,
    beside?.name ?? "",
    beside ? `${spreadText(beside.value)} ${unit}` : "",
    ratio ? spreadText(ratio) : "",
    target ? `${target.text}: ${target.met ? "met" : "MISSED"}` : "",
  ];
}

export function remarksOf({ notes, notMeasured }: Outcome): string[] {
  return [...notes.map((note) => `  ${note}`), ...notMeasured.map((what) => `  Not measured: ${what}.`)];
}

function spreadText({ median, min, max, count }: Spread): string {
  return count === 1 ? numberText(median) : `${numberText(median)} (${numberText(min)}–${numberText(max)})`;
}

/** Three digits that say something, or all of those before the point. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return "?";
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
