import * as v from "valibot";
import { AccountId, ConversationId } from "../ids.ts";
import { limits } from "../limits.ts";
import { endpoint } from "./endpoint.ts";
import { Email, Nickname, TimeMs } from "./fields.ts";
import { done, User } from "./user.ts";

export const PresenceStatus = v.picklist(["online", "offline", "busy", "dnd"]);
export type PresenceStatus = v.InferOutput<typeof PresenceStatus>;

const { has_keys, id, nickname, email, phone_number, user_role, picture_version } = User.entries;

/** Presence and telephone number are shared between people who have each other as contacts; to others everybody is offline. */
export const Contact = v.object({
  id,
  nickname,
  email,
  phone_number,
  user_role,
  picture_version,
  has_keys,
  contact_added_date: v.pipe(v.string(), v.isoTimestamp()),
  presence: PresenceStatus,
  last_seen_ms: v.nullable(TimeMs),
});
export type Contact = v.InferOutput<typeof Contact>;

/** What is shown of somebody who is no contact. */
export const Person = v.object({ id, nickname, email, picture_version, has_keys });
export type Person = v.InferOutput<typeof Person>;

/** What members of a room are shown of each other: no address. */
export const RoomPerson = v.object({ id, nickname, picture_version, has_keys });
export type RoomPerson = v.InferOutput<typeof RoomPerson>;

export const contactEndpoints = {
  addContact: endpoint({
    method: "POST",
    path: "/contact",
    tag: "contacts",
    summary: "Add a contact by e-mail address or exact nickname",
    auth: true,
    body: v.union([v.strictObject({ email: Email }), v.strictObject({ nickname: Nickname })]),
    response: v.object({ contact: Contact, ...done.entries }),
    status: 201,
    refusals: ["contact-unknown", "contact-ambiguous", "contact-self", "contact-exists", "rate-limited"],
  }),
  contacts: endpoint({
    method: "GET",
    path: "/contacts",
    tag: "contacts",
    summary: "Your contacts; with `search`, those whose nickname or e-mail address contains it",
    auth: true,
    query: v.object({ search: v.optional(v.pipe(v.string(), v.maxLength(limits.emailChars))) }),
    response: v.object({ status_code: v.number(), result: v.array(Contact) }),
    status: 200,
    refusals: [],
  }),
  removeContact: endpoint({
    method: "DELETE",
    path: "/contacts/{id}",
    tag: "contacts",
    summary: "Remove a contact; the conversation stays",
    auth: true,
    params: v.object({ id: AccountId }),
    response: done,
    status: 200,
    refusals: ["not-found"],
  }),
  requests: endpoint({
    method: "GET",
    path: "/requests",
    tag: "contacts",
    summary: "People who wrote to you and are not your contacts",
    auth: true,
    response: v.object({ requests: v.array(v.object({ conversation: ConversationId, sender: Person, at_ms: TimeMs })) }),
    status: 200,
    refusals: [],
  }),
  answerRequest: endpoint({
    method: "POST",
    path: "/requests/{conversation}",
    tag: "contacts",
    summary:
      "Accept (adds the contact), ignore or block a message request; the sender is not told. Of a room: stay, or set it aside",
    auth: true,
    params: v.object({ conversation: ConversationId }),
    body: v.strictObject({ action: v.picklist(["accept", "ignore", "block"]) }),
    response: done,
    status: 200,
    refusals: ["not-found"],
  }),
  block: endpoint({
    method: "POST",
    path: "/blocks",
    tag: "contacts",
    summary: "Block somebody: nothing they send is delivered or shown to you, and they are not told",
    auth: true,
    body: v.strictObject({ id: AccountId }),
    response: done,
    status: 201,
    refusals: ["contact-self", "not-found"],
  }),
  blocks: endpoint({
    method: "GET",
    path: "/blocks",
    tag: "contacts",
    summary: "Whom you have blocked",
    auth: true,
    response: v.object({ blocked: v.array(Person) }),
    status: 200,
    refusals: [],
  }),
  unblock: endpoint({
    method: "DELETE",
    path: "/blocks/{id}",
    tag: "contacts",
    summary: "Unblock somebody",
    auth: true,
    params: v.object({ id: AccountId }),
    response: done,
    status: 200,
    refusals: ["not-found"],
  }),
} as const;
