// What a file most likely is, by the end of its name and by its type. Both are somebody's word: they choose an icon, and
// what is tried; what is shown as a picture decides picture-header.ts.
export type FileKind = "picture" | "video" | "audio" | "document" | "archive" | "code" | "other";

interface Named {
  readonly name: string;
  readonly type: string;
}

const endings: readonly (readonly [FileKind, string])[] = [
  ["picture", "png jpg jpeg jpe jfif gif webp avif heic heif bmp tif tiff svg ico psd raw dng"],
  ["video", "mp4 m4v mov webm mkv avi mpg mpeg 3gp ogv wmv"],
  ["audio", "mp3 m4a aac ogg oga opus wav flac weba aiff mid wma"],
  ["document", "pdf doc docx odt rtf txt md tex epub pages xls xlsx ods csv tsv numbers ppt pptx odp key ics vcf eml"],
  ["archive", "zip rar 7z tar gz tgz bz2 xz zst iso dmg jar apk deb rpm"],
  [
    "code",
    "js mjs ts tsx jsx svelte vue html htm css scss json xml yaml yml toml ini sh bash ps1 py rb go rs c h cc cpp hpp cs java kt swift php sql lua r ipynb diff patch",
  ],
];
const kindOfEnding = new Map(endings.flatMap(([kind, all]) => all.split(" ").map((ending) => [ending, kind] as const)));

/** Without the dot, in small letters; empty where there is none. */
export const endingOf = (name: string) => /[^.]\.([\p{L}\p{N}]{1,10})$/u.exec(name)?.[1]?.toLowerCase() ?? "";

export function kindOf({ name, type }: Named): FileKind {
  const byName = kindOfEnding.get(endingOf(name));
  if (byName) return byName;
  if (type.startsWith("image/")) return "picture";
  if (type.startsWith("video/")) return "video";
  if (type.startsWith("audio/")) return "audio";
  return type === "application/pdf" || type === "text/plain" ? "document" : "other";
}

const pictureTypes: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"]);

/** Whether a timeline tries to show it; an SVG is a document with a will of its own, and stays a file. */
export const isPicture = ({ type }: Pick<Named, "type">) => pictureTypes.has(type);

const playable: readonly (readonly [type: string, endings: string])[] = [
  ["video/mp4", "mp4 m4v"],
  ["video/webm", "webm"],
  ["audio/mpeg", "mp3"],
  ["audio/mp4", "m4a"],
  ["audio/ogg", "ogg oga opus"],
  ["audio/webm", "weba"],
  ["audio/wav", "wav"],
];

/** As what this page plays it: one of a few types that are ours to choose; null for everything else. */
export function playedAs({ name, type }: Named): string | null {
  const ending = endingOf(name);
  const byEnding = playable.find(([, all]) => ending !== "" && all.split(" ").includes(ending));
  return playable.find(([known]) => known === type)?.[0] ?? byEnding?.[0] ?? null;
}

const voiceBytes = 64 * 1000 * 1000;

/** A recording that says how loud it is, and that this page may play. */
export const isVoice = (file: Named & { readonly size: number; readonly waveform: Uint8Array | null }) =>
  file.waveform !== null && file.size <= voiceBytes && playedAs(file)?.startsWith("audio/") === true;
