import { explain } from "../state/failure.ts";
import { roomRefusals } from "../strings/room-dialogs.ts";

/** What happened, in the words that fit a room. */
export const explainRoom = (error: unknown) => explain(error, roomRefusals);
