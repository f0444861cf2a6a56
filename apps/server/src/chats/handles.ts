// Names in clear that rooms are joined by.
import { ProtocolError, RoomHandle, type RoomSettings } from "@cychat/protocol";
import * as v from "valibot";

function folded(text: string): string {
  return text.normalize("NFC").toLowerCase().normalize("NFC");
}

/** What handles are compared by: two that differ in case only are one. */
export function handleKey(handle: string): string {
  return folded(handle);
}

/** What a search looks into; a search is folded alike. */
export function searchKey(handle: string, description: string | null): string {
  return folded(description === null ? handle : `${handle}\n${description}`);
}

export function searchPattern(text: string): string {
  return `%${folded(text.trim()).replaceAll(/[!%_[]/g, "!$&")}%`;
}

/** A handle inside a record is signed as it is, so it has to be in its normal form already. Throws `malformed-structure`. */
export function assertHandle({ handle }: RoomSettings): void {
  if (handle === null) return;
  const result = v.safeParse(RoomHandle, handle);
  if (!result.success || result.output !== handle)
    throw new ProtocolError("malformed-structure", "The room's name is not in its normal form.");
}
