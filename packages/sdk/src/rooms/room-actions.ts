// Everything that a user, or the server on behalf of somebody else, does with rooms, in one piece that a page loads when it
// is first needed.
import { Asks } from "./asks.ts";
import { Invites } from "./invites.ts";
import { Members } from "./members.ts";
import type { RoomParts } from "./room-parts.ts";
import { Rooms } from "./rooms.ts";

export class RoomActions {
  readonly rooms: Rooms;
  readonly members: Members;
  readonly invites: Invites;
  readonly asks: Asks;

  constructor(parts: RoomParts) {
    this.rooms = new Rooms(parts);
    this.members = new Members(parts);
    this.invites = new Invites(parts);
    this.asks = new Asks(parts, this.members);
  }
}
