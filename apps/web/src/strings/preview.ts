import { files } from "./files.ts";

const number = (n: number) => n.toLocaleString();

export const preview = {
  label: "Preview",
  look: (name: string) => `Look at ${name}`,
  lookShort: "Look at it",
  opening: "Opening…",
  /** Why it cannot be shown; the download stands below. */
  password: "This PDF is locked with a password. Download it to open it in a PDF program, which will ask for the password.",
  damaged: "This file cannot be shown. It may be damaged, or it is not what its name says. You can still download it.",
  "not-text": "This is not text, whatever its name says, so there is nothing to show. You can still download it.",
  failed: "The preview could not be opened. Try again, or download the file.",

  /** In the frame: of a text. */
  lines: (n: number) => (n === 1 ? "1 line" : `${number(n)} lines`),
  wrap: "Wrap lines",
  cut: (shown: number, size: number) =>
    shown < size
      ? `Only the first ${files.size(shown)} of ${files.size(size)} are shown. Download it to see the rest.`
      : "It is too long to be shown whole. Download it to see the rest.",
  hidden: "A character that cannot be seen and could make this text look like another one",

  /** Of a PDF. */
  pages: (n: number) => (n === 1 ? "1 page" : `${number(n)} pages`),
  page: (place: number, n: number) => `Page ${number(place)} of ${number(n)}`,
  pageLabel: (place: number) => `Page ${number(place)}`,
  pageFailed: (place: number) => `Page ${number(place)} cannot be shown.`,
  tools: "Pages and zoom",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  fit: "Fit the width",
  zoom: (part: number) => new Intl.NumberFormat(undefined, { style: "percent" }).format(part),
  missing: "Some letters or pictures of this PDF cannot be shown here. Download it to see it whole.",
} as const;
