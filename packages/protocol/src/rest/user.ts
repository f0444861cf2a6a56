import * as v from "valibot";
import { AccountId } from "../ids.ts";
import { endpoint } from "./endpoint.ts";
import { Count, Nickname, PhoneNumber, TimeMs } from "./fields.ts";

/** The seed's way of closing an answer. */
export const done = v.object({ status_code: Count, message: v.string() });

/** What a person says of their availability. `offline` hides presence from everybody. */
export const ChatStatus = v.picklist(["online", "offline", "busy", "dnd"]);
export type ChatStatus = v.InferOutput<typeof ChatStatus>;

export const User = v.object({
  id: AccountId,
  nickname: v.string(),
  email: v.string(),
  phone_number: v.nullable(v.string()),
  user_role: v.picklist(["user", "admin"]),
  chat_status: ChatStatus,
  /** Grows with every new picture; 0 without one. */
  picture_version: Count,
  /** Whether a client with keys has opened this account. */
  has_keys: v.boolean(),
  created_at_ms: TimeMs,
});
export type User = v.InferOutput<typeof User>;

const userAnswer = v.object({ user: User, ...done.entries });

export const userEndpoints = {
  profile: endpoint({
    method: "GET",
    path: "/user/profile",
    tag: "user",
    summary: "Your profile",
    auth: true,
    response: userAnswer,
    status: 200,
    refusals: [],
  }),
  updateProfile: endpoint({
    method: "PATCH",
    path: "/user/profile",
    tag: "user",
    summary: "Change nickname or phone number",
    auth: true,
    body: v.strictObject({ nickname: v.optional(Nickname), phone_number: v.optional(v.nullable(PhoneNumber)) }),
    response: userAnswer,
    status: 200,
    refusals: [],
  }),
  setStatus: endpoint({
    method: "PUT",
    path: "/user/status",
    tag: "user",
    summary: "Set your chat status",
    auth: true,
    body: v.strictObject({ chat_status: ChatStatus }),
    response: userAnswer,
    status: 200,
    refusals: [],
  }),
  setPicture: endpoint({
    method: "PUT",
    path: "/user/picture",
    tag: "user",
    summary: "Set your profile picture: the bytes of a PNG, JPEG or WebP image of at most 1 MiB",
    auth: true,
    bodyType: "bytes",
    response: userAnswer,
    status: 200,
    refusals: ["picture-invalid", "too-large", "unsupported-media-type"],
  }),
  removePicture: endpoint({
    method: "DELETE",
    path: "/user/picture",
    tag: "user",
    summary: "Remove your profile picture",
    auth: true,
    response: userAnswer,
    status: 200,
    refusals: [],
  }),
  picture: endpoint({
    method: "GET",
    path: "/user/{id}/picture",
    tag: "user",
    summary: "The profile picture of yourself, a contact, or somebody you share a conversation with",
    auth: true,
    params: v.object({ id: AccountId }),
    status: 200,
    refusals: ["not-found"],
  }),
} as const;
