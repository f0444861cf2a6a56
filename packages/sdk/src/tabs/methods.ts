// The methods of a client, by name: what may cross from one tab to another.
import type { ChatApi } from "../client-api.ts";

export type Method = keyof ChatApi;

/** Whether a call may be made again when nobody knows if it was carried out: once or twice, the result is the same. */
const repeatable: Readonly<Record<Method, boolean>> = {
  session: true,
  connection: true,
  register: false,
  logIn: false,
  logInWithRecoveryKey: false,
  logOut: true,
  changePassword: false,
  setPasswordWithRecoveryKey: false,
  prepareRecoveryKey: false,
  confirmRecoveryKey: false,
  postponeRecoveryKey: false,
  updateProfile: true,
  setChatStatus: true,
  setPicture: true,
  removePicture: true,
  picture: true,
  sessions: true,
  revokeSession: false,
  revokeOtherSessions: true,
  contacts: true,
  addContact: false,
  removeContact: false,
  blocked: true,
  block: true,
  unblock: false,
  conversations: true,
  openDirect: true,
  answerRequest: false,
  history: true,
  /** It carries the message's id, see `TabClient`. */
  sendText: true,
  sendFiles: true,
  openFile: true,
  readFile: true,
  setUploadPaused: true,
  sharedFiles: true,
  fileQuota: true,
  retry: false,
  discard: false,
  deleteMessages: true,
  deleteAllMyMessages: true,
  markRead: true,
  setTyping: true,
  setDraft: true,
  setMuted: true,
  editText: false,
  setArchived: true,
  setFavourite: true,
  createRoom: false,
  findRooms: true,
  joinRoom: true,
  withdrawJoin: true,
  openInvite: true,
  joinByInvite: true,
  leaveRoom: false,
  deleteRoom: false,
  forgetRoom: true,
  roomPeople: true,
  addToRoom: false,
  removeFromRoom: true,
  unban: true,
  setRole: true,
  handOver: false,
  updateRoom: true,
  updateRoomSettings: true,
  roomPicture: true,
  createInvite: false,
  invites: true,
  endInvite: true,
  joinRequests: true,
  answerJoinRequest: false,
  setPinned: true,
  pinnedMessages: true,
  safetyNumber: true,
  setVerified: true,
  acceptIdentityChange: true,
};

/** Where the options are that hold a signal and a listener for progress, which cannot cross; these may take long, too. */
export const optionsAt: Readonly<Partial<Record<Method, number>>> = { sendFiles: 2, openFile: 3, readFile: 3 };

export const methods = Object.keys(repeatable) as Method[];

export function isMethod(name: string): name is Method {
  return Object.hasOwn(repeatable, name);
}

export function isRepeatable(method: Method): boolean {
  return repeatable[method];
}
