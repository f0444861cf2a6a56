// Who somebody is: registration, log-in, sessions, the password.
import {
  type Argon2Parameters,
  type EndpointRequest,
  type endpoints,
  ProtocolError,
  type Tokens,
  toBase64url,
} from "@cychat/protocol";
import type { Core } from "../core.ts";
import type { Principal } from "../http/principal.ts";
import type { ClientInfo } from "../http/route.ts";
import type { KeyService, LoginSecrets } from "../keys/service.ts";
import { isSecretOf, readNewSecret } from "./credentials.ts";
import { type AuthLimits, createAuthLimits } from "./limits.ts";
import { type PasswordGates, Passwords, recoveryVerifier } from "./password.ts";
import { networkOf } from "./rate-limit.ts";
import { createRegistration, type Registration } from "./registration.ts";
import { Sessions } from "./sessions.ts";
import * as store from "./store.ts";

export type { PasswordGates } from "./password.ts";
export { type Rate, RateLimit, scaled } from "./rate-limit.ts";
export { WorkGate } from "./work-gate.ts";

/** What other features need of log-in before this one can be made: see `createKeys`. */
export interface AuthBasis {
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly limits: AuthLimits;
  readonly logins: LoginSecrets;
}

export function createAuthBasis(core: Core, now: () => number, gates?: PasswordGates): AuthBasis {
  const passwords = new Passwords(core.config.jwtSecret, gates);
  const limits = createAuthLimits(core.config.rateLimitScale, now);
  return {
    sessions: new Sessions(core, now),
    passwords,
    limits,
    logins: {
      recoveryVerifier,
      async isPasswordOf(account, authSecret) {
        limits.changePassword.take(account);
        const found = await store.credentialsOf(core.db, { account });
        return passwords.verify(authSecret, found?.passwordHash ?? null);
      },
    },
  };
}

export type AuthService = ReturnType<typeof createAuth>;

export function createAuth(core: Core, { sessions, passwords, limits }: AuthBasis, keys: KeyService, now: () => number) {
  const { db } = core;
  const registration = createRegistration({ core, sessions, passwords, now });

  return {
    /** Throws `registration-closed`, `registration-failed`, `malformed-request` or `rate-limited`. */
    async register(body: EndpointRequest<typeof endpoints.register>["body"], client: ClientInfo): Promise<Registration> {
      limits.register.take(networkOf(client.ip));
      return registration.register(body);
    },

    /** Throws `rate-limited`. */
    async parameters(email: string, client: ClientInfo): Promise<Argon2Parameters> {
      limits.parameters.take(networkOf(client.ip));
      // Made for everybody, so that nobody's takes no longer than somebody's.
      const ofNobody = passwords.saltOfNobody(email);
      const found = await store.credentialsOf(db, { email });
      return passwords.parameters(found ? toBase64url(found.salt) : ofNobody);
    },

    /** Throws `wrong-credentials` or `rate-limited`. */
    async login(
      login: { readonly email: string; readonly secret: string; readonly deviceName: string },
      client: ClientInfo,
    ): Promise<Tokens> {
      const network = networkOf(client.ip);
      limits.login.take(network);
      limits.loginToAccount.take(network, login.email);
      const found = await store.credentialsOf(db, { email: login.email });
      const isRight = await isSecretOf(db, passwords, login.email, login.secret, found);
      if (!isRight || !found) throw new ProtocolError("wrong-credentials");
      return sessions.open(found.account, login.deviceName);
    },

    /** Throws `token-invalid`, `token-expired`, `token-revoked`, `refresh-token-reused` or `rate-limited`. */
    async refresh(token: string, client: ClientInfo): Promise<Tokens> {
      limits.refresh.take(networkOf(client.ip));
      return sessions.refresh(token);
    },

    /** Throws `wrong-credentials`, `version-conflict`, `bad-signature`, `malformed-request`, `no-keys` or `rate-limited`. */
    async changePassword(
      { account, session }: Principal,
      body: EndpointRequest<typeof endpoints.changePassword>["body"],
    ): Promise<void> {
      limits.changePassword.take(account);
      const found = await store.credentialsOf(db, { account });
      if (!found) throw new ProtocolError("token-revoked");
      if (!(await isSecretOf(db, passwords, found.email, body.current_password, found)))
        throw new ProtocolError("wrong-credentials");
      if (found.hasVault && body.new_salt === undefined) {
        throw new ProtocolError(
          "malformed-request",
          "the password of a vault does not leave the client: send an authentication secret and its salt",
        );
      }
      const next = await readNewSecret(passwords, found.email, body.new_password, body.new_salt);
      const methods = await keys.prepareNewPassword(account, body.methods, next.authSecret);
      const passwordHash = await passwords.hash(next.authSecret);

      const revocation = await db.transaction().execute(async (trx) => {
        // Keys made meanwhile have a box of the old password.
        if ((await keys.hasKeys(trx, account)) !== (methods !== null)) throw new ProtocolError("version-conflict");
        if (!(await store.setPassword(trx, found, { passwordHash, salt: next.salt })))
          throw new ProtocolError("version-conflict");
        await methods?.writeWithin(trx);
        return sessions.revokeWithin(trx, { account, except: session });
      });
      sessions.announceRevoked(revocation);
      if (methods) keys.announceMethodsChanged(account);
    },

    createInvite: registration.createInvite,
  };
}
