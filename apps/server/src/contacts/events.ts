import type { AccountId } from "@cychat/protocol";
import type { Events } from "../realtime/events.ts";

/** After the commit: the account's own connections read its contacts again. */
export function announceContactsChanged(events: Events, account: AccountId): void {
  events.announce({ to: [account], frame: { type: "changed", what: "contacts" } });
}

/** To somebody who has `account` as a contact, when presence between the two begins or ends: for mutual contacts only. */
export function announceMutualChange(events: Events, to: AccountId, account: AccountId): void {
  events.announce({ to: [to], frame: { type: "changed", what: "contacts", account } });
}
