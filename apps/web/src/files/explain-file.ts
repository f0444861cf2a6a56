import { explain } from "../state/failure.ts";
import { files as text } from "../strings/files.ts";

/** Why a file could not be opened. */
export const explainFile = (error: unknown) =>
  explain(error, {
    "file-damaged": text.damaged,
    "file-gone": text.gone,
    offline: text.offline,
    timeout: text.notOpened,
    interrupted: text.notOpened,
    "": text.notOpened,
  });
