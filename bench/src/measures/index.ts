// In the order in which they run: the one that may run out of time comes last.
import type { Measure } from "../measure.ts";
import { cryptography } from "./crypto.ts";
import { directMessages, directMessagesMany } from "./direct-messages.ts";
import { files } from "./files.ts";
import { idleConnections } from "./idle-connections.ts";
import { roomFanOut } from "./room-fan-out.ts";
import { roomKeys } from "./room-keys.ts";
import { start } from "./start.ts";

export const measures: readonly Measure[] = [
  start,
  cryptography,
  directMessages,
  idleConnections,
  files,
  roomFanOut,
  roomKeys,
  directMessagesMany,
];
