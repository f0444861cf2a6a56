import * as v from "valibot";
import { SessionId } from "../ids.ts";
import { endpoint } from "./endpoint.ts";
import { bytesText, Email, Nickname, Password, PhoneNumber, PositiveCount, TimeMs } from "./fields.ts";
import { UnlockMethodsUpdate } from "./keys.ts";
import { done, User } from "./user.ts";

/**
 * Our clients never send a raw password: `password` carries an authentication secret of this form, split from
 * Argon2id by HKDF. Anything else is a script's raw password, which the server splits itself, and takes only from
 * accounts without a vault.
 */
export const authSecretPattern = /^cychat-auth-v1\.(password|recovery)\.[A-Za-z0-9_-]{43}$/;

const Token = v.object({ access_token: v.string(), token_type: v.literal("bearer") });

/** `expires_in` is the access token's life in seconds. */
const Tokens = v.object({
  access_token: v.string(),
  token_type: v.literal("bearer"),
  refresh_token: v.string(),
  expires_in: PositiveCount,
});
export type Tokens = v.InferOutput<typeof Tokens>;

export const Argon2Parameters = v.object({
  /** The account's server salt, 32 bytes. */
  salt: bytesText(32),
  memory_kib: PositiveCount,
  passes: PositiveCount,
  lanes: PositiveCount,
});
export type Argon2Parameters = v.InferOutput<typeof Argon2Parameters>;

export const authEndpoints = {
  register: endpoint({
    method: "POST",
    path: "/auth/register",
    tag: "auth",
    summary: "Create an account",
    auth: false,
    body: v.strictObject({
      nickname: Nickname,
      email: Email,
      password: Password,
      phone_number: v.optional(v.nullable(PhoneNumber)),
      /** The server salt that an authentication secret was derived with, 32 bytes. Needed with one, refused without. */
      password_salt: v.optional(v.pipe(bytesText(32), v.length(43))),
      /** An invitation code, where the server registers by invitation. */
      invite: v.optional(v.pipe(v.string(), v.maxLength(64))),
    }),
    response: v.object({
      user: User,
      token: v.object({ ...Token.entries, refresh_token: v.string(), expires_in: PositiveCount }),
      ...done.entries,
    }),
    status: 201,
    refusals: ["registration-failed", "registration-closed", "rate-limited"],
  }),
  parameters: endpoint({
    method: "POST",
    path: "/auth/parameters",
    tag: "auth",
    summary: "Password hashing parameters of an account; unknown addresses get plausible ones",
    auth: false,
    body: v.strictObject({ email: Email }),
    response: Argon2Parameters,
    status: 200,
    refusals: ["rate-limited"],
  }),
  login: endpoint({
    method: "POST",
    path: "/auth/login",
    tag: "auth",
    summary: "Get tokens for an e-mail address and password (JSON, or the OAuth2 password form)",
    auth: false,
    body: v.pipe(
      v.object({
        email: v.optional(Email),
        username: v.optional(Email),
        password: v.pipe(v.string(), v.minLength(1), v.maxLength(1024)),
        grant_type: v.optional(v.literal("password")),
        /** Shown in the list of sessions. */
        device_name: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(80))),
      }),
      v.check((body) => (body.email === undefined) !== (body.username === undefined), "wants either email or username"),
    ),
    bodyType: "form",
    response: Tokens,
    status: 200,
    refusals: ["wrong-credentials", "rate-limited"],
  }),
  refresh: endpoint({
    method: "POST",
    path: "/auth/refresh",
    tag: "auth",
    summary: "Exchange a refresh token for new tokens; each refresh token serves once",
    auth: false,
    body: v.strictObject({ refresh_token: v.pipe(v.string(), v.maxLength(200)) }),
    response: Tokens,
    status: 200,
    refusals: ["token-invalid", "token-expired", "token-revoked", "refresh-token-reused", "rate-limited"],
  }),
  logout: endpoint({
    method: "POST",
    path: "/auth/logout",
    tag: "auth",
    summary: "Sign this session out at once",
    auth: true,
    response: done,
    status: 200,
    refusals: [],
  }),
  changePassword: endpoint({
    method: "POST",
    path: "/auth/password",
    tag: "auth",
    summary: "Change the password; every other session is signed out",
    auth: true,
    body: v.strictObject({
      /** The authentication secret of the password or of the recovery key. */
      current_password: Password,
      new_password: Password,
      new_salt: v.optional(v.pipe(bytesText(32), v.length(43))),
      /** Needed when the account has a vault: the new password's box and wrap. */
      methods: v.optional(UnlockMethodsUpdate),
    }),
    response: done,
    status: 200,
    refusals: ["wrong-credentials", "version-conflict", "bad-signature", "rate-limited"],
  }),
  sessions: endpoint({
    method: "GET",
    path: "/sessions",
    tag: "auth",
    summary: "Where this account is signed in",
    auth: true,
    response: v.object({
      sessions: v.array(
        v.object({
          id: SessionId,
          device_name: v.string(),
          current: v.boolean(),
          created_at_ms: TimeMs,
          last_seen_ms: TimeMs,
        }),
      ),
    }),
    status: 200,
    refusals: [],
  }),
  revokeSession: endpoint({
    method: "DELETE",
    path: "/sessions/{id}",
    tag: "auth",
    summary: "Sign one of this account's sessions out at once",
    auth: true,
    params: v.object({ id: SessionId }),
    response: done,
    status: 200,
    refusals: ["not-found"],
  }),
  revokeOtherSessions: endpoint({
    method: "DELETE",
    path: "/sessions",
    tag: "auth",
    summary: "Sign every other session of this account out at once",
    auth: true,
    response: done,
    status: 200,
    refusals: [],
  }),
  createInvite: endpoint({
    method: "POST",
    path: "/invites",
    tag: "auth",
    summary: "Make an invitation code for a server that registers by invitation (administrators)",
    auth: true,
    body: v.strictObject({
      uses: v.optional(v.pipe(PositiveCount, v.maxValue(1000)), 1),
      expires_in_hours: v.optional(v.pipe(PositiveCount, v.maxValue(24 * 365)), 24 * 7),
    }),
    response: v.object({ invite: v.string(), expires_at_ms: TimeMs, ...done.entries }),
    status: 201,
    refusals: ["not-found"],
  }),
} as const;
