import * as v from "valibot";
import { AccountId, DeviceId } from "../ids.ts";
import { limits } from "../limits.ts";
import { SignedJson } from "../structures/signed.ts";
import { endpoint } from "./endpoint.ts";
import { bytesText, PositiveCount } from "./fields.ts";
import { done } from "./user.ts";

/** One unlock method's box. `auth_secret` (recovery keys) is hashed by the server and lets the method log in, too. */
export const MethodBox = v.strictObject({
  method: v.pipe(bytesText(16), v.length(22)),
  kind: v.picklist(["password", "recovery", "passkey"]),
  /** CBOR [IV (12 bytes), ciphertext]. */
  box: bytesText(1024),
});
export type MethodBox = v.InferOutput<typeof MethodBox>;

/** A new wraps statement, the boxes of all its methods, and the log-in secrets of the methods that have a new one. */
export const UnlockMethodsUpdate = v.strictObject({
  wraps: SignedJson,
  boxes: v.pipe(v.array(MethodBox), v.minLength(1), v.maxLength(limits.unlockMethods)),
  auth_secrets: v.optional(v.array(v.strictObject({ method: MethodBox.entries.method, auth_secret: v.string() })), []),
});
export type UnlockMethodsUpdate = v.InferOutput<typeof UnlockMethodsUpdate>;

/** Ciphertext of the vault, and a version that grows by one (compare and set). */
export const VersionedBox = v.strictObject({ version: PositiveCount, ciphertext: bytesText(limits.vaultBytes) });
export type VersionedBox = v.InferOutput<typeof VersionedBox>;

export const AccountKeys = v.object({
  log: v.array(SignedJson),
  wraps: SignedJson,
  boxes: v.array(MethodBox),
  /** The identity private key under the root key: CBOR [IV, ciphertext]. */
  identity_box: bytesText(1024),
  vault: VersionedBox,
});
export type AccountKeys = v.InferOutput<typeof AccountKeys>;

export const PublicAccountLog = v.object({ account: AccountId, log: v.array(SignedJson) });
export type PublicAccountLog = v.InferOutput<typeof PublicAccountLog>;

export const keyEndpoints = {
  createKeys: endpoint({
    method: "POST",
    path: "/keys",
    tag: "keys",
    summary: "Open an account that has no keys yet: identity, first encryption key, first device, unlock methods, vault",
    auth: true,
    body: v.strictObject({
      /** identity (n = 0), encryption generation 1, the first device. */
      log: v.pipe(v.array(SignedJson), v.minLength(3), v.maxLength(10)),
      methods: UnlockMethodsUpdate,
      identity_box: bytesText(1024),
      vault: VersionedBox,
    }),
    response: done,
    status: 201,
    refusals: ["keys-exist", "bad-signature", "malformed-structure"],
  }),
  ownKeys: endpoint({
    method: "GET",
    path: "/keys",
    tag: "keys",
    summary: "Everything a client needs to unlock your account; ciphertext and public keys only",
    auth: true,
    response: AccountKeys,
    status: 200,
    refusals: ["no-keys"],
  }),
  appendLog: endpoint({
    method: "POST",
    path: "/keys/log",
    tag: "keys",
    summary: "Append entries to your account log (a new device, a new encryption key, a revocation)",
    auth: true,
    body: v.strictObject({ entries: v.pipe(v.array(SignedJson), v.minLength(1), v.maxLength(20)) }),
    response: v.object({ log: v.array(SignedJson), ...done.entries }),
    status: 201,
    refusals: ["no-keys", "version-conflict", "bad-signature", "malformed-structure"],
  }),
  bindDevice: endpoint({
    method: "PUT",
    path: "/keys/device",
    tag: "keys",
    summary: "Say which certified device of your account log this session is; sends must come from it",
    auth: true,
    body: v.strictObject({ device: DeviceId }),
    response: done,
    status: 200,
    refusals: ["device-unknown"],
  }),
  putMethods: endpoint({
    method: "PUT",
    path: "/keys/methods",
    tag: "keys",
    summary: "Replace the unlock methods other than the password (adding or removing a recovery key)",
    auth: true,
    body: UnlockMethodsUpdate,
    response: done,
    status: 200,
    refusals: ["no-keys", "version-conflict", "bad-signature", "last-unlock-method"],
  }),
  putVault: endpoint({
    method: "PUT",
    path: "/keys/vault",
    tag: "keys",
    summary: "Store the vault; version must be the stored one plus one",
    auth: true,
    body: VersionedBox,
    response: done,
    status: 200,
    refusals: ["no-keys", "version-conflict"],
  }),
  vault: endpoint({
    method: "GET",
    path: "/keys/vault",
    tag: "keys",
    summary: "The newest vault",
    auth: true,
    response: VersionedBox,
    status: 200,
    refusals: ["no-keys"],
  }),
  accountLog: endpoint({
    method: "GET",
    path: "/keys/{account}",
    tag: "keys",
    summary: "The public keys of one account, as its signed log",
    auth: true,
    params: v.object({ account: AccountId }),
    query: v.object({ after: v.optional(v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number))) }),
    response: PublicAccountLog,
    status: 200,
    refusals: ["not-found", "no-keys"],
  }),
  accountLogs: endpoint({
    method: "POST",
    path: "/keys/bulk",
    tag: "keys",
    summary: "The public keys of several accounts; those without keys are left out",
    auth: true,
    body: v.strictObject({ accounts: v.pipe(v.array(AccountId), v.minLength(1), v.maxLength(limits.keysBatch)) }),
    response: v.object({ accounts: v.array(PublicAccountLog) }),
    status: 200,
    refusals: [],
  }),
} as const;
