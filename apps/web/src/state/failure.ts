import { common } from "../strings/common.ts";

/** The stable code of a refusal, or "" for anything unexpected. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** What happened, in words for a person; `known` gives better ones for the codes a screen expects. */
export function explain(error: unknown, known: Record<string, string> = {}): string {
  const code = codeOf(error);
  const better = known[code];
  if (better !== undefined) return better;
  if (code === "offline") return common.offline;
  if (code === "") {
    console.error(error);
    return common.somethingWrong;
  }
  return (error as Error).message || common.somethingWrong;
}
