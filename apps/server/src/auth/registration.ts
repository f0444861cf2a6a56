// Who may make an account, and making one. A taken address costs the same work as a free one.
import { createHash, randomBytes } from "node:crypto";
import { type AccountId, type EndpointRequest, type endpoints, ProtocolError, type Tokens, type User } from "@cychat/protocol";
import type { Core } from "../core.ts";
import { type Db, isUniqueViolation } from "../database/engine.ts";
import { nicknameKey, requireUser } from "../users/service.ts";
import { readNewSecret } from "./credentials.ts";
import type { Passwords } from "./password.ts";
import type { Sessions } from "./sessions.ts";
import * as store from "./store.ts";

export interface Registration {
  readonly user: User;
  readonly tokens: Tokens;
}

interface Parts {
  readonly core: Core;
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly now: () => number;
}

const inviteAlphabet = "ABCDEFGHJKMNPQRSTVWXYZ0123456789";
const inviteChars = 20;

export function createRegistration({ core, sessions, passwords, now }: Parts) {
  const { db, config } = core;
  let hasAccounts = false;

  /** The first account makes the administrator: by invitation it needs none, because nobody could have made one. */
  const isFirst = async (trx: Db): Promise<boolean> => {
    hasAccounts ||= await store.anyAccount(trx);
    return !hasAccounts;
  };

  const assertMayRegister = async (invite: string | undefined): Promise<void> => {
    if (config.registration === "open") return;
    if (config.registration === "invite") {
      if (await isFirst(db)) return;
      if (invite !== undefined && (await store.isInviteOpen(db, hashInvite(invite), now()))) return;
    }
    throw new ProtocolError("registration-closed");
  };

  return {
    /** Throws `registration-closed`, `registration-failed` or `malformed-request`. */
    async register(body: EndpointRequest<typeof endpoints.register>["body"]): Promise<Registration> {
      const { email, nickname, password, password_salt, phone_number, invite } = body;
      await assertMayRegister(invite);
      const secret = await readNewSecret(passwords, email, password, password_salt);
      const passwordHash = await passwords.hash(secret.authSecret);
      try {
        const [user, opened] = await db.transaction().execute(async (trx) => {
          const nowMs = now();
          const first = await isFirst(trx);
          if (config.registration === "invite" && !first && !(await store.useInvite(trx, hashInvite(invite ?? ""), nowMs))) {
            throw new ProtocolError("registration-closed");
          }
          if (await store.isEmailTaken(trx, email)) throw new ProtocolError("registration-failed");
          const account = crypto.randomUUID() as AccountId;
          await store.insertAccount(trx, {
            id: account,
            email,
            nickname,
            nickname_key: nicknameKey(nickname),
            phone_number: phone_number ?? null,
            user_role: first ? "admin" : "user",
            password_hash: passwordHash,
            password_salt: secret.salt,
            created_at_ms: nowMs,
          });
          return [await requireUser(trx, account), await sessions.openWithin(trx, account, "")] as const;
        });
        return { user, tokens: sessions.opened(opened) };
      } catch (error) {
        if (isUniqueViolation(error)) throw new ProtocolError("registration-failed");
        throw error;
      }
    },

    /** Throws `not-found` unless an administrator asks. */
    async createInvite(
      by: AccountId,
      { uses, hours }: { uses: number; hours: number },
    ): Promise<{ code: string; expiresAtMs: number }> {
      if (!(await store.isAdmin(db, by))) throw new ProtocolError("not-found");
      const code = newInvite();
      const nowMs = now();
      const expiresAtMs = nowMs + hours * 3600_000;
      const row = { code_hash: hashInvite(code), uses_left: uses, expires_at_ms: expiresAtMs, created_by: by };
      await db.transaction().execute((trx) => store.insertInvite(trx, row, nowMs));
      return { code, expiresAtMs };
    },
  };
}

/** 100 random bits in letters and digits that people do not mix up. */
function newInvite(): string {
  // 256 is a multiple of 32, so that every character is as likely.
  const characters = Array.from(randomBytes(inviteChars), (byte) => inviteAlphabet[byte % inviteAlphabet.length]).join("");
  return (characters.match(/.{5}/g) ?? []).join("-");
}

/** Typed by people: in any case, with or without hyphens. */
function hashInvite(code: string): string {
  return createHash("sha256")
    .update(`cychat/v1/invite\n${code.toUpperCase().replaceAll(/[\s-]/g, "")}`)
    .digest("base64url");
}
