import type { RoomConversation } from "../state/kinds.ts";
import { rooms as text } from "../strings/rooms.ts";

/** How one stands to a room, as the screens tell it apart. */
export type Standing = RoomConversation["room"]["standing"] | "declined" | "unproved";

export function standingOf({ room, problem }: RoomConversation): Standing {
  if (problem?.code === "join-declined" && room.standing === "pending") return "declined";
  if (problem?.code === "membership-unproved" && room.standing !== "member") return "unproved";
  return room.standing;
}

/** Why a room shows no last message: one is not in yet, or not any more; null for members. */
export function standingLine(view: RoomConversation): string | null {
  const standing = standingOf(view);
  switch (standing) {
    case "member":
      return null;
    case "declined":
    case "unproved":
      return text[standing];
    case "pending":
    case "keys":
      return text.waiting[standing];
    default:
      return text.former[standing];
  }
}
