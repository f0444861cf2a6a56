import type { MessageView } from "@cychat/sdk";
import { files as text } from "../strings/files.ts";
import { plausible, wholeTime } from "../voice/duration.ts";
import { isPicture, isVoice, kindOf } from "./kinds.ts";
import { plainName } from "./names.ts";

/** A message in one line, where it is not shown itself: its text, or what it carries. */
export function describe(message: MessageView): string {
  const caption = message.text.slice(0, 300).replace(/\s+/g, " ");
  if (message.kind !== "files") return caption;
  const what = carried(message.files);
  return caption.trim() === "" ? what : text.withCaption(what, caption);
}

function carried(files: MessageView["files"]): string {
  const [only] = files;
  if (only && files.every(isPicture)) return files.length === 1 ? text.photo : text.photos(files.length);
  if (!only || files.length > 1) return text.several(files.length);
  if (isVoice(only)) return text.voice(wholeTime(plausible(only.durationMs)));
  const kind = kindOf(only);
  return kind === "video" || kind === "audio" ? text[kind] : text.file(plainName(only.name));
}
