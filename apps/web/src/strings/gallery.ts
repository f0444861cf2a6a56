const number = (n: number) => n.toLocaleString();

export const gallery = {
  title: "Media and files",
  open: "Media and files",
  close: "Close media and files",
  search: "Search all files by name",
  tabs: "Kinds of files",
  kinds: { media: "Media", voice: "Voice", other: "Files" },
  empty: {
    media: "No photos or videos yet",
    voice: "No voice messages yet",
    other: "No files yet",
  },
  emptyHint: {
    media: "Those that are sent here are collected in this place.",
    voice: "Those that are sent here are collected in this place.",
    other: "Documents and other files that are sent here are collected in this place.",
  },
  noneSoFar: "Nothing in the newest messages.",
  lookFurther: "Look further back",
  you: "You",
  by: (who: string, when: string) => `${who} · ${when}`,
  photo: (name: string, who: string, when: string) => `Photo ${name}, ${who}, ${when}`,
  video: (name: string, who: string, when: string) => `Video ${name}, ${who}, ${when}`,
  more: (name: string) => `More for ${name}`,
  menu: "What to do with a file",
  look: "Open",
  download: "Download",
  jump: "Show in the conversation",
  loading: "Looking…",
  searching: (n: number) => (n === 0 ? "Searching older messages…" : `Searching older messages… ${found(n)} so far`),
  found,
  stop: "Stop",
  stopped: (n: number) => `Stopped. ${found(n)} so far.`,
  goOn: "Go on",
  noneFound: "No file has this in its name",
  noneFoundHint: "Every message that you can read was looked at.",
  offline: "You are offline. This is what this device has; the rest appears when you are back.",
  failed: "The rest could not be loaded.",
} as const;

function found(n: number): string {
  return n === 1 ? "1 file found" : `${number(n)} files found`;
}
