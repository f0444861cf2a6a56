// Profiles: name, telephone number, chat status, picture.
import { type AccountId, type ChatStatus, ProtocolError, type User } from "@cychat/protocol";
import type { Core } from "../core.ts";
import type { Db } from "../database/engine.ts";
import type { RawBody } from "../http/body.ts";
import { announceToAcquaintances } from "./events.ts";
import { PictureFiles } from "./picture-files.ts";
import { recognisePicture } from "./picture-format.ts";
import * as store from "./store.ts";

/** What nicknames are compared by: two that differ in case only are one. */
export function nicknameKey(nickname: string): string {
  return nickname.normalize("NFC").toLowerCase().normalize("NFC");
}

/** Throws `token-revoked`: the account of a valid session can only have gone meanwhile. */
export async function requireUser(db: Db, account: AccountId): Promise<User> {
  const user = await store.userById(db, account);
  if (!user) throw new ProtocolError("token-revoked");
  return user;
}

export interface Picture {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly version: number;
}

const pictureTypes = ["image/png", "image/jpeg", "image/webp", "application/octet-stream", ""];

export type UserService = ReturnType<typeof createUsers>;

export function createUsers(core: Core, now: () => number) {
  const { db, events } = core;
  const files = new PictureFiles(core.config.uploadDir);
  const inTurn = createTurns<AccountId>();

  const told = async (account: AccountId): Promise<User> => {
    await announceToAcquaintances(core, account, "profile");
    return requireUser(db, account);
  };

  /** Keeps the old picture until the new one is durable, and the database says which one counts. */
  const replacePicture = async (account: AccountId, next: { bytes: Uint8Array; type: string } | null): Promise<User> => {
    const old = await store.pictureOf(db, account);
    if (!old) throw new ProtocolError("token-revoked");
    // Greater than any before it, also after a removal.
    const version = next ? Math.max(old.version + 1, now()) : 0;
    if (next) await files.write(account, version, next.bytes);
    const isSet = await store.setPicture(db, account, old.version, { version, type: next?.type ?? null });
    if (!isSet && next) await files.remove(account, version);
    if (!isSet) throw new ProtocolError("overloaded");
    if (old.version > 0) await files.remove(account, old.version);
    return told(account);
  };

  return {
    profile: (account: AccountId): Promise<User> => requireUser(db, account),

    async updateProfile(
      account: AccountId,
      change: { readonly nickname?: string | undefined; readonly phone_number?: string | null | undefined },
    ): Promise<User> {
      const { nickname, phone_number } = change;
      await store.updateAccount(db, account, {
        ...(nickname === undefined ? {} : { nickname, nickname_key: nicknameKey(nickname) }),
        ...(phone_number === undefined ? {} : { phone_number }),
      });
      return told(account);
    },

    async setStatus(account: AccountId, status: ChatStatus): Promise<User> {
      await store.updateAccount(db, account, { chat_status: status });
      events.chatStatusChanged(account, status);
      events.announce({ to: [account], frame: { type: "changed", what: "profile", account } });
      return requireUser(db, account);
    },

    /** Throws `unsupported-media-type` or `picture-invalid`. What the bytes say counts, not what the header says. */
    async setPicture(account: AccountId, { bytes, contentType }: RawBody): Promise<User> {
      if (!pictureTypes.includes(contentType)) throw new ProtocolError("unsupported-media-type");
      const format = recognisePicture(bytes);
      if (!format) throw new ProtocolError("picture-invalid");
      return inTurn(account, () => replacePicture(account, { bytes, type: format.type }));
    },

    removePicture: (account: AccountId): Promise<User> => inTurn(account, () => replacePicture(account, null)),

    /** Throws `not-found` for strangers as for those without a picture. */
    async picture(viewer: AccountId, account: AccountId): Promise<Picture> {
      if (await store.isAcquainted(db, viewer, account)) {
        const found = await store.pictureOf(db, account);
        const bytes = found?.type ? await files.read(account, found.version) : null;
        if (found?.type && bytes) return { bytes, type: found.type, version: found.version };
      }
      throw new ProtocolError("not-found");
    },
  };
}

/** Runs the work of one key after one another. */
function createTurns<Key>(): <T>(key: Key, work: () => Promise<T>) => Promise<T> {
  const last = new Map<Key, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key);
    const turn = before ? before.then(work, work) : work();
    last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (last.get(key) === turn) last.delete(key);
    }
  };
}
