// What the server keeps of an account's keys: public keys in a signed log, and ciphertext. It checks what everybody can
// check (chain, signatures, versions) and opens nothing.
import {
  type AccountId,
  type AccountKeys,
  type DeviceId,
  decodeAccountLogEntry,
  type EndpointRequest,
  type endpoints,
  equalBytes,
  fromBase64url,
  ProtocolError,
  type PublicAccountLog,
  type Signed,
  type SignedJson,
  signedFromJson,
  signedToJson,
  toBase64url,
  type UnlockMethodsUpdate,
  type VersionedBox,
} from "@cychat/protocol";
import type { Core } from "../core.ts";
import { type Db, isUniqueViolation } from "../database/engine.ts";
import type { Principal } from "../http/principal.ts";
import { announceToAcquaintances } from "../users/events.ts";
import { extendLog, type LogState, type VerifiedEntry, verifyLog } from "./account-log.ts";
import { p256PublicKey, sha256 } from "./signature.ts";
import * as store from "./store.ts";
import { type VerifiedMethods, verifyMethods } from "./unlock-methods.ts";

export { p256PublicKey, sha256, verifySigned } from "./signature.ts";

/** What this feature needs of sessions; the auth feature has it. */
export interface DeviceSessions<Revocation> {
  bindWithin(trx: Db, principal: Principal, device: DeviceId): Promise<void>;
  announceBound(principal: Principal, device: DeviceId): void;
  revokeWithin(trx: Db, which: { readonly account: AccountId; readonly device: DeviceId }): Promise<Revocation>;
  announceRevoked(revocation: Revocation): void;
}

/** What this feature needs of passwords and recovery keys; the auth feature has it. */
export interface LoginSecrets {
  recoveryVerifier(authSecret: string): string;
  /** Whether this is the authentication secret that the account's password logs in with. Throws `rate-limited`. */
  isPasswordOf(account: AccountId, authSecret: string): Promise<boolean>;
}

/** New unlock methods, verified, to be written inside a transaction. */
export interface PreparedMethods {
  /** Throws `version-conflict` when the stored statement is no longer the one before. */
  writeWithin(trx: Db): Promise<void>;
}

export type KeyService = ReturnType<typeof createKeys>;

export function createKeys<Revocation>(core: Core, sessions: DeviceSessions<Revocation>, logins: LoginSecrets) {
  const { db, events } = core;

  const logState = async (account: AccountId): Promise<LogState> => {
    const head = await store.logHeadOf(db, account);
    const first = head && (await store.logEntry(db, account, 0));
    if (!head || !first) throw new ProtocolError("no-keys");
    const identity = decodeAccountLogEntry(first.payload);
    if (identity.body.kind !== "identity") throw new Error("a stored account log does not start with an identity key");
    const devices = await store.devicesOf(db, account);
    return {
      account,
      identityKey: p256PublicKey(identity.body.identityKey),
      identityHash: sha256(identity.body.identityKey),
      head: head.log_n,
      headHash: head.log_hash,
      generation: head.generation,
      devices: new Map(devices.map(({ device, state }) => [device, state === "active" ? "active" : "revoked"])),
    };
  };

  const methodRows = (methods: VerifiedMethods): store.MethodRow[] =>
    methods.methods.map(({ method, kind, box, authSecret }) => ({
      method,
      kind,
      box: fromBase64url(box),
      auth_hash: kind === "recovery" && authSecret !== null ? logins.recoveryVerifier(authSecret) : null,
    }));

  /** Writes what verified entries say; the caller has moved the head, or made it. */
  const writeEntries = async (trx: Db, account: AccountId, entries: readonly VerifiedEntry[]): Promise<Revocation[]> => {
    const certified = entries.flatMap(({ entry, device }) => (entry.body.kind === "device" && device ? [device] : []));
    if (await store.anyDeviceKnown(trx, certified))
      throw new ProtocolError("malformed-structure", "a device that another account has");
    await store.insertLogEntries(
      trx,
      account,
      entries.map(({ entry, signed }) => ({ n: entry.n, payload: signed.payload, signature: signed.signature })),
    );
    const revocations: Revocation[] = [];
    for (const { entry, device } of entries) {
      if (entry.body.kind === "device" && device) {
        await store.insertDevice(trx, { device, account, n: entry.n, public_key: entry.body.deviceKey, state: "active" });
      }
      if (entry.body.kind === "revoke" && device) {
        await store.endDevice(trx, account, device, entry.body.reason);
        revocations.push(await sessions.revokeWithin(trx, { account, device }));
      }
    }
    return revocations;
  };

  const prepareMethods = async (state: LogState, update: UnlockMethodsUpdate): Promise<VerifiedMethods & PreparedMethods> => {
    const verified = verifyMethods(update, state);
    return {
      ...verified,
      async writeWithin(trx) {
        const isNext = await store.moveWraps(trx, state.account, verified.version - 1, {
          wraps_payload: verified.statement.payload,
          wraps_signature: verified.statement.signature,
          wraps_version: verified.version,
        });
        if (!isNext) throw new ProtocolError("version-conflict");
        await store.replaceUnlockMethods(trx, state.account, methodRows(verified));
      },
    };
  };

  return {
    /** Throws `keys-exist`, `malformed-structure`, `bad-signature`, `malformed-request` or `wrong-credentials`. */
    async create(principal: Principal, body: EndpointRequest<typeof endpoints.createKeys>["body"]): Promise<void> {
      const { account } = principal;
      if (await store.hasKeys(db, account)) throw new ProtocolError("keys-exist");
      const { state, entries } = verifyLog(account, body.log.map(signedFromJson));
      const device = firstDevice(entries);
      const methods = verifyMethods(body.methods, state);
      assertOnePassword(methods);
      if (methods.version !== 1 || body.vault.version !== 1)
        throw new ProtocolError("malformed-request", "wraps and vault start at version 1");
      for (const { kind, authSecret } of methods.methods) {
        if (kind === "password" && authSecret !== null && !(await logins.isPasswordOf(account, authSecret)))
          throw new ProtocolError("wrong-credentials");
      }
      const row = {
        account,
        wraps_payload: methods.statement.payload,
        wraps_signature: methods.statement.signature,
        wraps_version: methods.version,
        identity_box: fromBase64url(body.identity_box),
        vault_version: body.vault.version,
        vault: fromBase64url(body.vault.ciphertext),
        log_n: state.head,
        log_hash: state.headHash,
        generation: state.generation,
        changed_at_ms: Date.now(),
      };
      try {
        await db.transaction().execute(async (trx) => {
          if (await store.hasKeys(trx, account)) throw new ProtocolError("keys-exist");
          await store.insertKeys(trx, row);
          await writeEntries(trx, account, entries);
          await store.replaceUnlockMethods(trx, account, methodRows(methods));
          await sessions.bindWithin(trx, principal, device);
        });
      } catch (error) {
        if (isUniqueViolation(error)) throw new ProtocolError("keys-exist");
        throw error;
      }
      sessions.announceBound(principal, device);
      await announceToAcquaintances(core, account, "keys");
    },

    /** Throws `no-keys`. */
    async own(account: AccountId): Promise<AccountKeys> {
      // In one transaction, so that statement, boxes and log are those of one moment.
      return db.transaction().execute(async (trx) => {
        const keys = await store.keysOf(trx, account);
        if (!keys) throw new ProtocolError("no-keys");
        const log = await store.logFrom(trx, account, 0);
        const methods = await store.unlockMethodsOf(trx, account);
        return {
          log: log.map(toJson),
          wraps: signedToJson({ payload: keys.wraps_payload, signature: keys.wraps_signature }),
          boxes: methods.map(({ method, kind, box }) => ({ method, kind, box: toBase64url(box) })),
          identity_box: toBase64url(keys.identity_box),
          vault: { version: keys.vault_version, ciphertext: toBase64url(keys.vault) },
        };
      });
    },

    /**
     * Answers the whole log. The same entries sent again are answered alike. Throws `no-keys`, `bad-signature`,
     * `malformed-structure`, or `version-conflict` with the entries from the first number that was tried.
     */
    async appendLog(account: AccountId, sent: readonly SignedJson[]): Promise<SignedJson[]> {
      const added = sent.map(signedFromJson);
      const firstN = decodeAccountLogEntry((added[0] as Signed).payload).n;
      const state = await logState(account);
      if (firstN !== state.head + 1) return whenNotNext(account, firstN, added);
      const extended = extendLog(state, added);
      const revocations = await db.transaction().execute(async (trx) => {
        const head = { log_n: extended.state.head, log_hash: extended.state.headHash, generation: extended.state.generation };
        if (!(await store.moveLogHead(trx, account, state.head, head))) return null;
        if (head.generation > state.generation) await core.memberStates.oweRotation(trx, account);
        return writeEntries(trx, account, extended.entries);
      });
      if (revocations === null) return whenNotNext(account, firstN, added);
      for (const revocation of revocations) sessions.announceRevoked(revocation);
      await announceToAcquaintances(core, account, "keys");
      return (await store.logFrom(db, account, 0)).map(toJson);
    },

    /** Throws `device-unknown` for a device that is not this account's, or no longer. */
    async bindDevice(principal: Principal, device: DeviceId): Promise<void> {
      await db.transaction().execute(async (trx) => {
        if (!(await store.isActiveDevice(trx, principal.account, device))) throw new ProtocolError("device-unknown");
        await sessions.bindWithin(trx, principal, device);
      });
      sessions.announceBound(principal, device);
    },

    /** Throws `no-keys`, `version-conflict`, `bad-signature`, `malformed-request` or `last-unlock-method`. */
    async putMethods(account: AccountId, update: UnlockMethodsUpdate): Promise<void> {
      const prepared = await prepareMethods(await logState(account), update);
      const password = prepared.methods.find(({ kind }) => kind === "password");
      if (!password) throw new ProtocolError("last-unlock-method");
      assertOnePassword(prepared);
      if (password.authSecret !== null) throw new ProtocolError("malformed-request", "the password is changed elsewhere");
      await db.transaction().execute(async (trx) => {
        const stored = (await store.unlockMethodsOf(trx, account)).find(({ kind }) => kind === "password");
        await prepared.writeWithin(trx);
        const isKept = stored?.method === password.method && equalBytes(stored.box, fromBase64url(password.box));
        if (!isKept) throw new ProtocolError("malformed-request", "the password is changed elsewhere");
      });
      events.announce({ to: [account], frame: { type: "changed", what: "keys", account } });
    },

    /** For a change of password; null for an account without keys. Throws as {@link putMethods} does. */
    async prepareNewPassword(
      account: AccountId,
      update: UnlockMethodsUpdate | undefined,
      newSecret: string,
    ): Promise<PreparedMethods | null> {
      if (!(await store.hasKeys(db, account))) {
        if (update) throw new ProtocolError("no-keys");
        return null;
      }
      if (!update) throw new ProtocolError("malformed-request", "an account with a vault needs its unlock methods, too");
      const prepared = await prepareMethods(await logState(account), update);
      assertOnePassword(prepared);
      if (
        prepared.methods.some(({ kind, authSecret }) => kind === "password" && authSecret !== null && authSecret !== newSecret)
      ) {
        throw new ProtocolError("malformed-request", "two different new passwords");
      }
      return prepared;
    },

    hasKeys: (trx: Db, account: AccountId): Promise<boolean> => store.hasKeys(trx, account),

    announceMethodsChanged(account: AccountId): void {
      events.announce({ to: [account], frame: { type: "changed", what: "keys", account } });
    },

    /** Throws `no-keys`. */
    async vault(account: AccountId): Promise<VersionedBox> {
      const vault = await store.vaultOf(db, account);
      if (!vault) throw new ProtocolError("no-keys");
      return { version: vault.version, ciphertext: toBase64url(vault.ciphertext) };
    },

    /** The same vault sent again is answered alike. Throws `no-keys`, or `version-conflict` with the newest vault. */
    async putVault(account: AccountId, sent: VersionedBox): Promise<void> {
      const ciphertext = fromBase64url(sent.ciphertext);
      if (await store.putVault(db, account, { version: sent.version, ciphertext })) {
        events.announce({ to: [account], frame: { type: "changed", what: "keys", account } });
        return;
      }
      const vault = await store.vaultOf(db, account);
      if (!vault) throw new ProtocolError("no-keys");
      if (vault.version === sent.version && equalBytes(vault.ciphertext, ciphertext)) return;
      const details: VersionedBox = { version: vault.version, ciphertext: toBase64url(vault.ciphertext) };
      throw new ProtocolError("version-conflict", undefined, details);
    },

    /** Throws `not-found` or `no-keys`. */
    async logOf(account: AccountId, after: number | undefined): Promise<PublicAccountLog> {
      if (!(await store.hasKeys(db, account)))
        throw new ProtocolError((await store.accountExists(db, account)) ? "no-keys" : "not-found");
      const log = await store.logFrom(db, account, after === undefined ? 0 : after + 1);
      return { account, log: log.map(toJson) };
    },

    async logsOf(accounts: readonly AccountId[]): Promise<PublicAccountLog[]> {
      const logs = new Map<AccountId, SignedJson[]>();
      for (const row of await store.logsOf(db, accounts)) {
        const log = logs.get(row.account) ?? [];
        log.push(toJson(row));
        logs.set(row.account, log);
      }
      return [...logs].map(([account, log]) => ({ account, log }));
    },
  };

  async function whenNotNext(account: AccountId, firstN: number, added: readonly Signed[]): Promise<SignedJson[]> {
    const missed = await store.logFrom(db, account, firstN);
    const isRepeated = added.every((signed, index) => {
      const stored = missed[index];
      return stored !== undefined && equalBytes(stored.payload, signed.payload);
    });
    if (isRepeated) return (await store.logFrom(db, account, 0)).map(toJson);
    throw new ProtocolError("version-conflict", undefined, { log: missed.map(toJson) });
  }
}

function toJson({ payload, signature }: store.LogRow): SignedJson {
  return signedToJson({ payload, signature });
}

function assertOnePassword({ methods }: VerifiedMethods): void {
  if (methods.filter(({ kind }) => kind === "password").length !== 1)
    throw new ProtocolError("malformed-request", "an account has exactly one password");
}

/** The first log certifies one device, the one that it is made on, has an encryption key and revokes nothing yet. */
function firstDevice(entries: readonly VerifiedEntry[]): DeviceId {
  const kinds = entries.map(({ entry }) => entry.body.kind);
  const [device, ...others] = entries.flatMap(({ entry, device }) => (entry.body.kind === "device" && device ? [device] : []));
  if (!device || others.length > 0 || !kinds.includes("encryption") || kinds.includes("revoke")) {
    throw new ProtocolError("malformed-structure", "a first log has an identity key, an encryption key and one device");
  }
  return device;
}
