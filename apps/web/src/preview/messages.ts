// What the app and the page that draws a file say to each other. The page has no origin and is not trusted: all that it can
// say is listed here, and checked.

/** The page is there. With it goes nothing; what follows goes through a channel of its own. */
export const ready = "cychat-preview-ready";

/** To the page, with the port that it answers by. */
export interface Shown {
  /** Of a text its beginning is enough. */
  readonly bytes: ArrayBuffer;
  readonly name: string;
  /** Of the whole file. */
  readonly size: number;
  readonly theme: "light" | "dark";
}

/** `password`: it cannot be opened without one; `not-text`: it is something else; `damaged`: it cannot be read. */
const problems = ["password", "not-text", "damaged"] as const;
export type PreviewProblem = (typeof problems)[number];

export type Answer =
  /** `pages`: of a PDF. */
  | { readonly state: "shown"; readonly pages: number | null }
  | { readonly state: "failed"; readonly problem: PreviewProblem }
  /** Escape was pressed there. */
  | { readonly state: "closed" };

/** null for anything else. */
export function readAnswer(data: unknown): Answer | null {
  if (typeof data !== "object" || data === null) return null;
  const { state, pages, problem } = data as Record<string, unknown>;
  if (state === "closed") return { state };
  if (state === "shown") return { state, pages: Number.isInteger(pages) ? (pages as number) : null };
  const known = problems.find((name) => name === problem);
  return state === "failed" && known ? { state, problem: known } : null;
}
