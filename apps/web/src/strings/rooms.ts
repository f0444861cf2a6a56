// Rooms, as far as lists and timelines speak of them; what only dialogs say is in room-dialogs.ts, which loads with them.
const number = (n: number) => n.toLocaleString();
const conjunction = new Intl.ListFormat("en-GB", { type: "conjunction" });

export const rooms = {
  newRoom: "New room",
  joinRoom: "Join a room",
  room: "Room",
  invitation: "Invitation",
  invitedLogIn: "You were sent an invitation to a room. Log in or make an account, and you will see it.",
  somebody: "Somebody",
  you: "You",
  members: (n: number) => (n === 1 ? "1 member" : `${number(n)} members`),
  favourites: "Favourites",
  archived: (n: number) => `Archived (${number(n)})`,
  mentioned: "You were mentioned",
  from: (name: string) => `${name}:`,
  invited: "You were added to this room",
  waiting: {
    pending: "Waiting to be let in",
    keys: "Waiting for the keys",
  },
  former: {
    removed: "You were removed",
    banned: "You were banned",
    left: "You left",
    deleted: "This room was deleted",
  },
  /** The server says so and cannot prove it; the conversation says more. */
  unproved: "You may not be a member any more",
  declined: "You were not let in",
  unnamed: "Room whose name is not known yet",
  noMessages: "No messages yet",
  favourite: "Add to favourites",
  unfavourite: "Remove from favourites",
  archive: "Archive",
  unarchive: "Take out of the archive",
  itemMenu: "What to do with this chat",
  typing: (names: readonly string[]) =>
    names.length === 1
      ? `${names[0]} is typing…`
      : names.length === 2
        ? `${names[0]} and ${names[1]} are typing…`
        : `${number(names.length)} people are typing…`,
  edited: "edited",
  readBy: (n: number) => `Read by ${number(n)}`,
  deletedByAdmin: (name: string) => `${name} deleted this message as an admin`,
  deletedByMe: "You deleted this message",
  edit: "Edit",
  pin: "Pin",
  unpin: "Unpin",
  deleteText: (room: string) => `It disappears for everybody in ${room}.`,
  notLoaded: "This message is too far back to show, or it was deleted.",
  start: (room: string) => `Welcome to ${room}.`,
  startShared: "Only its members can read it. Newcomers can read what was written before.",
  startJoined: "Only its members can read it. Newcomers see nothing from before they came.",
  notificationFrom: (name: string) => `New message from ${name}`,
  notificationMention: (name: string) => `${name} mentioned you`,
  announced: (room: string, name: string) => `${name} in ${room}`,
} as const;

export const roomComposer = {
  mentionList: "People to mention",
  everybody: "Everybody in this room",
  allName: "all",
  editing: "Editing your message",
  cancelEdit: "Cancel editing",
  blocked: "Look at the warning above before you write.",
  saveEdit: "Save the changed message",
} as const;

/** What happened in a room. `actor` is "You" or a name; `who` is a list of names, "you" among them. */
export const systemLines = {
  people: (names: readonly string[]) => conjunction.format(names),
  you: "You",
  youObject: "you",
  created: (actor: string) => `${actor} made this room`,
  left: (actors: string) => `${actors} left`,
  deleted: (actor: string) => `${actor} deleted this room`,
  joinedByLink: (who: string) => `${who} joined by an invite link`,
  joinedByRequest: (who: string) => `${who} joined`,
  added: (actor: string, who: string) => `${actor} added ${who}`,
  removed: (actor: string, who: string) => `${actor} removed ${who}`,
  banned: (actor: string, who: string) => `${actor} banned ${who}`,
  unbanned: (actor: string, who: string) => `${actor} lifted the ban on ${who}`,
  madeAdmin: (actor: string, who: string, n: number) => `${actor} made ${who} ${n === 1 ? "an admin" : "admins"}`,
  madeMember: (actor: string, who: string) => `${actor} took the admin rights from ${who}`,
  madeOwner: (actor: string, who: string, n: number) => `${actor} made ${who} ${n === 1 ? "the owner" : "owners"}`,
  succeeded: (who: string, isMe: boolean) => `${who} ${isMe ? "are" : "is"} the owner now, because the last one left`,
  // The client knows that the profile is another one, not what is new in it.
  renamed: (actor: string) => `${actor} changed the room's name, topic or picture`,
  settings: (actor: string) => `${actor} changed the room's settings`,
  historyShared: (actor: string) => `${actor} let newcomers read what was written before`,
  historyJoined: (actor: string) => `${actor} hid what was written before from newcomers`,
  invite: (actor: string, n: number) => `${actor} made ${n === 1 ? "an invite link" : `${number(n)} invite links`}`,
  inviteEnded: (actor: string, n: number) => `${actor} withdrew ${n === 1 ? "an invite link" : `${number(n)} invite links`}`,
  pinned: (actor: string, n: number) => `${actor} pinned ${n === 1 ? "a message" : `${number(n)} messages`}`,
  unpinned: (actor: string, n: number) => `${actor} unpinned ${n === 1 ? "a message" : `${number(n)} messages`}`,
} as const;
