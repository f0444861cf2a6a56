// What a user sees and changes of the own account on the server: profile, picture, status, sessions.
import { type AccountId, type ChatStatus, endpoints, type User } from "@cychat/protocol";
import type { Profile, SessionView } from "../client-api.ts";
import { ClientError, hasCode } from "../client-error.ts";
import type { Store } from "../store/store.ts";
import { tables } from "../store/tables.ts";
import type { Http } from "../transport/http.ts";

export function profileOf(user: User): Profile {
  return {
    id: user.id,
    nickname: user.nickname,
    email: user.email,
    phoneNumber: user.phone_number,
    role: user.user_role,
    chatStatus: user.chat_status,
    pictureVersion: user.picture_version,
  };
}

export class AccountSettings {
  constructor(
    readonly http: Http,
    readonly store: Store,
    readonly onProfile: (profile: Profile) => Promise<void>,
  ) {}

  async refreshProfile(): Promise<void> {
    await this.#took(await this.http.call(endpoints.profile));
  }

  async updateProfile(input: { nickname?: string; phoneNumber?: string | null }): Promise<void> {
    const body = {
      ...(input.nickname === undefined ? {} : { nickname: input.nickname }),
      ...(input.phoneNumber === undefined ? {} : { phone_number: input.phoneNumber }),
    };
    await this.#took(await this.http.call(endpoints.updateProfile, { body }));
  }

  async setChatStatus(status: ChatStatus): Promise<void> {
    await this.#took(await this.http.call(endpoints.setStatus, { body: { chat_status: status } }));
  }

  async setPicture(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#took(await this.http.call(endpoints.setPicture, { bytes, contentType: pictureType(bytes) }));
  }

  async removePicture(): Promise<void> {
    await this.#took(await this.http.call(endpoints.removePicture));
  }

  /** From the store where the version is the same: a picture is fetched once. */
  async picture(account: AccountId, version: number): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string } | null> {
    if (version === 0) return null;
    const kept = await tables.pictures.read(this.store, "", account);
    if (kept?.version === version) return { bytes: kept.bytes, type: kept.type };
    try {
      const picture = await this.http.callBytes(endpoints.picture, { params: { id: account } });
      await this.store.write([tables.pictures.put("", account, { version, ...picture })]);
      return picture;
    } catch (error) {
      if (hasCode(error, "not-found")) return null;
      throw error;
    }
  }

  async sessions(): Promise<SessionView[]> {
    const { sessions } = await this.http.call(endpoints.sessions);
    return sessions.map(({ id, device_name: deviceName, current, created_at_ms: createdAtMs, last_seen_ms: lastSeenMs }) => ({
      id,
      deviceName,
      current,
      createdAtMs,
      lastSeenMs,
    }));
  }

  async revokeSession(id: string): Promise<void> {
    await this.http.call(endpoints.revokeSession, { params: { id } });
  }

  async revokeOtherSessions(): Promise<void> {
    await this.http.call(endpoints.revokeOtherSessions);
  }

  async #took({ user }: { user: User }): Promise<void> {
    await this.onProfile(profileOf(user));
  }
}

/** The server takes PNG, JPEG and WebP, and looks at the bytes itself. */
function pictureType(bytes: Uint8Array): string {
  const begins = (...magic: number[]) => magic.every((byte, index) => bytes[index] === byte);
  if (begins(0x89, 0x50, 0x4e, 0x47)) return "image/png";
  if (begins(0xff, 0xd8, 0xff)) return "image/jpeg";
  if (begins(0x52, 0x49, 0x46, 0x46) && bytes[8] === 0x57) return "image/webp";
  throw new ClientError("picture-invalid");
}
