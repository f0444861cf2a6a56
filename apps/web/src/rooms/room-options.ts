// The choices that a room's makers and admins have, in words.
import type { HistoryPolicy, JoinPolicy } from "../state/types.ts";
import { historyChoice, joinChoice } from "../strings/room-dialogs.ts";

export const joinOptions: readonly { value: JoinPolicy; label: string; hint: string }[] = [
  { value: "invitation", label: joinChoice.invitation, hint: joinChoice.invitationHint },
  { value: "approval", label: joinChoice.approval, hint: joinChoice.approvalHint },
  { value: "open", label: joinChoice.open, hint: joinChoice.openHint },
];

export const historyOptions: readonly { value: HistoryPolicy; label: string; hint: string }[] = [
  { value: "shared", label: historyChoice.shared, hint: historyChoice.sharedHint },
  { value: "joined", label: historyChoice.joined, hint: historyChoice.joinedHint },
];
