// Names as they are kept: many in a record. A record for each of a thousand people would take four times as much of a store,
// most of it for its place and its seal.
import { type AccountId, fromBase64url, toBase64url } from "@cychat/protocol";
import type { RoomPersonView } from "../client-api.ts";

/** Account (its 16 bytes in base64url), nickname, version of the picture. */
export type KeptPeople = readonly (readonly [account: string, nickname: string, pictureVersion: number])[];

/** The record that somebody is in: one of sixteen. */
export const keptUnder = (account: AccountId): string => account.slice(0, 1);

export function packPeople(people: readonly RoomPersonView[]): KeptPeople {
  return people.map(({ id, nickname, pictureVersion }) => {
    return [toBase64url(Uint8Array.fromHex(id.replaceAll("-", ""))), nickname, pictureVersion];
  });
}

export function unpackPeople(kept: KeptPeople): RoomPersonView[] {
  return kept.map(([account, nickname, pictureVersion]) => {
    const hex = fromBase64url(account).toHex();
    const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    return { id: id as AccountId, nickname, pictureVersion };
  });
}
