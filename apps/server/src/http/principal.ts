import type { AccountId, DeviceId, SessionId } from "@cychat/protocol";

/** Who is asking: the account and session of a verified access token, and the certified device the session is bound to. */
export interface Principal {
  readonly account: AccountId;
  readonly session: SessionId;
  readonly device: DeviceId | null;
}

/** Throws `not-authenticated`, `token-invalid`, `token-expired` or `token-revoked`. Implemented by the auth feature. */
export type VerifyAccessToken = (token: string) => Promise<Principal>;
