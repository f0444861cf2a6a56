// Who is signed in here: from nobody over locked to ready, and back.
import { CryptoError } from "@cychat/crypto";
import { endpoints, type Tokens, type User } from "@cychat/protocol";
import type { ClientOptions } from "../client.ts";
import type { ConnectionState, RecoveryKeyView, SessionState } from "../client-api.ts";
import { ClientError, hasCode, isTransient } from "../client-error.ts";
import { EventHub } from "../event-hub.ts";
import { SerialQueue } from "../serial-queue.ts";
import { SignedIn } from "../signed-in.ts";
import { only, type SessionRecord, tables } from "../store/tables.ts";
import { Http } from "../transport/http.ts";
import { tokenPair } from "../transport/tokens.ts";
import { profileOf } from "./account-settings.ts";
import { RecoveryKeySetup } from "./recovery-key.ts";
import { postponed, reminderSetting } from "./recovery-reminder.ts";
import { newPasswordSecret, passwordSecret, recoverySecret, type UnlockSecret } from "./secrets.ts";
import { openHere, storedKeys } from "./sign-in.ts";
import { forget, type Unlocked, unlock } from "./unlock.ts";
import { replaceMethod } from "./unlock-methods.ts";

type SignedOutReason = Extract<SessionState, { status: "signed-out" }>["reason"];
type LoginTokens = Pick<Tokens, "access_token" | "refresh_token" | "expires_in">;

const unsentWaitMs = 10_000;
const logOutTimeoutMs = 5_000;
const attempts = 3;

export class Session {
  readonly events: EventHub;
  readonly http: Http;
  readonly #recoveryKey: RecoveryKeySetup;
  /** Log in, log out and what changes the ways in happen one after another. */
  readonly #queue = new SerialQueue();
  #record: SessionRecord | null = null;
  #ready: SignedIn | null = null;
  #reason: SignedOutReason = "never";
  #closed = false;

  private constructor(readonly options: ClientOptions) {
    const { environment, url } = options;
    this.events = new EventHub(environment.clock, (error) => this.#report(error));
    this.http = new Http(url, environment, {
      saveTokens: async (tokens) => {
        if (this.#record !== null) await options.store.write([tables.tokens.put("", only, tokens)]);
      },
      onSignedOut: (reason) => void this.#queue.run(() => this.#wipe(reason)).catch((error: unknown) => this.#report(error)),
    });
    this.#recoveryKey = new RecoveryKeySetup(this.http, environment);
  }

  static async open(options: ClientOptions): Promise<Session> {
    const session = new Session(options);
    const { store } = options;
    session.#record = (await tables.session.read(store, "", only)) ?? null;
    session.#reason = (await tables.signedOut.read(store, "", only))?.reason ?? "never";
    session.http.tokens.set((await tables.tokens.read(store, "", only)) ?? null);
    await session.#resume();
    return session;
  }

  ready(): SignedIn {
    if (this.#closed) throw new ClientError("closed");
    if (this.#ready === null) throw new ClientError(this.#record === null ? "signed-out" : "locked");
    return this.#ready;
  }

  state(): SessionState {
    if (this.#ready !== null) return this.#ready.sessionState();
    if (this.#record !== null) return { status: "locked", profile: this.#record.profile };
    return { status: "signed-out", reason: this.#reason };
  }

  connectionState(): ConnectionState {
    return this.#ready?.connectionState() ?? { status: "offline", retryAtMs: null };
  }

  register(input: {
    nickname: string;
    email: string;
    password: string;
    phoneNumber?: string | null;
    invite?: string;
  }): Promise<void> {
    return this.#queue.run(async () => {
      this.#assertSignedOut();
      const { nickname, email, password, phoneNumber, invite } = input;
      const secret = await newPasswordSecret(this.options.environment, email, password);
      const { user, token } = await this.http.call(endpoints.register, {
        body: {
          nickname,
          email,
          password: secret.authSecret,
          password_salt: secret.salt,
          ...(phoneNumber == null || phoneNumber === "" ? {} : { phone_number: phoneNumber }),
          ...(invite === undefined ? {} : { invite }),
        },
      });
      await this.#enter(user, token, secret, false);
    });
  }

  logIn({ email, password }: { email: string; password: string }): Promise<void> {
    return this.#queue.run(async () => {
      this.#assertSignedOut();
      const secret = await passwordSecret(this.http, this.options.environment, email, password);
      await this.#logInWith(email, secret);
    });
  }

  logInWithRecoveryKey({ email, recoveryKey }: { email: string; recoveryKey: string }): Promise<void> {
    return this.#queue.run(async () => {
      this.#assertSignedOut();
      const secret = await recoverySecret(recoveryKey);
      try {
        await this.#logInWith(email, secret);
      } catch (error) {
        if (!hasCode(error, "wrong-credentials", "wrong-key")) throw error;
        throw new ClientError("wrong-recovery-key", "The e-mail address or the recovery key is wrong.");
      }
    });
  }

  /** Outside the queue while it waits for unsent messages: signing out from elsewhere must not wait for that. */
  async logOut(force: boolean): Promise<void> {
    const ready = this.#ready;
    if (ready !== null && !force && !(await this.#drained(ready))) throw new ClientError("unsent-messages");
    await this.#queue.run(async () => {
      if (this.#record === null) return;
      // First, so that the end of the session is not taken for a revocation from elsewhere.
      await this.#ready?.close();
      // Best effort: offline, the keys go all the same, and the token ends by itself.
      await this.http.call(endpoints.logout, { timeoutMs: logOutTimeoutMs }).catch(() => {});
      await this.#wipe("log-out");
    });
  }

  changePassword({ currentPassword, newPassword }: { currentPassword: string; newPassword: string }): Promise<void> {
    return this.#queue.run(async () => {
      const { environment } = this.options;
      const { email } = this.ready().session.profile;
      const current = await passwordSecret(this.http, environment, email, currentPassword);
      await this.#setPassword(current, newPassword, "wrong-password");
    });
  }

  setPasswordWithRecoveryKey({ recoveryKey, newPassword }: { recoveryKey: string; newPassword: string }): Promise<void> {
    return this.#queue.run(async () => {
      this.ready();
      await this.#setPassword(await recoverySecret(recoveryKey), newPassword, "wrong-recovery-key");
    });
  }

  prepareRecoveryKey(password: string | undefined): Promise<RecoveryKeyView> {
    return this.#queue.run(async () => {
      const { email } = this.ready().session.profile;
      return this.#recoveryKey.prepare(async () => {
        if (password === undefined) throw new ClientError("password-required");
        return this.#unlock(await passwordSecret(this.http, this.options.environment, email, password), "wrong-password");
      });
    });
  }

  confirmRecoveryKey(): Promise<void> {
    return this.#queue.run(async () => {
      const ready = this.ready();
      const wrapsVersion = await this.#recoveryKey.confirm();
      await ready.update({ hasRecoveryKey: true, wrapsVersion });
    });
  }

  async postponeRecoveryKey(): Promise<void> {
    const ready = this.ready();
    const { vault, time } = ready.core;
    this.#recoveryKey.forget();
    await vault.setSetting(reminderSetting, postponed(vault.setting(reminderSetting), time.now()));
    ready.vaultChanged();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#recoveryKey.forget();
    await this.#ready?.close();
    this.events.close();
    await this.options.store.close();
  }

  /** An install that was open before is open again: the vault's key is in the store, no password is needed. */
  async #resume(): Promise<void> {
    const { store } = this.options;
    if (this.#record?.device == null) return;
    const [privateKey, vaultKey] = await Promise.all([store.readKey(storedKeys.device), store.readKey(storedKeys.vault)]);
    if (privateKey === undefined || vaultKey === undefined) return;
    await this.#start(this.#record, { ...this.#record.device, privateKey }, vaultKey);
  }

  async #start(session: SessionRecord, device: SignedIn["core"]["me"]["device"], vaultKey: CryptoKey): Promise<SignedIn | null> {
    const { environment, store } = this.options;
    const { http, events } = this;
    const ready = await SignedIn.open({
      environment,
      store,
      http,
      events,
      session,
      device,
      vaultKey,
      report: (error) => this.#report(error),
      onDeviceRevoked: () => http.tokens.signedOut("revoked"),
    });
    this.#ready = ready;
    ready?.start();
    return ready;
  }

  async #logInWith(email: string, secret: UnlockSecret): Promise<void> {
    const { deviceName } = this.options;
    const body = {
      email,
      password: secret.authSecret,
      ...(deviceName === undefined ? {} : { device_name: deviceName.slice(0, 80) }),
    };
    const tokens = await this.http.call(endpoints.login, { body });
    this.http.tokens.set(tokenPair(tokens, this.options.environment.clock.now()));
    const { user } = await this.http.call(endpoints.profile);
    await this.#enter(user, tokens, secret, secret.kind === "recovery");
  }

  /** From tokens to an open account. When the network fails on the way, the account stays locked here: log in again. */
  async #enter(user: User, tokens: LoginTokens, secret: UnlockSecret, shouldSetPassword: boolean): Promise<void> {
    const { environment, store } = this.options;
    const pair = tokenPair(tokens, environment.clock.now());
    const record: SessionRecord = {
      account: user.id,
      profile: profileOf(user),
      device: null,
      hasRecoveryKey: false,
      shouldSetPassword,
      wrapsVersion: 0,
    };
    // Whatever is still here is of an earlier session.
    await store.clear();
    await store.write([tables.session.put("", only, record), tables.tokens.put("", only, pair)]);
    this.http.tokens.set(pair);
    this.#record = record;
    try {
      const opened = await openHere({ http: this.http, environment, store }, record, secret, user.has_keys);
      this.#record = opened.session;
      const ready = await this.#start(opened.session, opened.device, opened.unlocked.vaultKey);
      await ready?.core.accounts.adopt(opened.own);
      if (opened.isNew) this.#recoveryKey.hold(opened.unlocked);
      else forget(opened.unlocked);
    } catch (error) {
      if (!isTransient(error)) {
        await this.http.call(endpoints.logout, { timeoutMs: logOutTimeoutMs }).catch(() => {});
        await this.#wipe("log-out");
      }
      throw error;
    } finally {
      this.#emit();
    }
  }

  async #unlock(secret: UnlockSecret, refusal: "wrong-password" | "wrong-recovery-key"): Promise<Unlocked> {
    const { account, wrapsVersion } = this.ready().session;
    try {
      return await unlock(this.http, this.options.environment, account, secret, { wrapsVersion });
    } catch (error) {
      throw error instanceof CryptoError && error.code === "wrong-key" ? new ClientError(refusal) : error;
    }
  }

  async #setPassword(
    current: UnlockSecret,
    newPassword: string,
    refusal: "wrong-password" | "wrong-recovery-key",
  ): Promise<void> {
    const ready = this.ready();
    const fresh = await newPasswordSecret(this.options.environment, ready.session.profile.email, newPassword);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const unlocked = await this.#unlock(current, refusal);
      const change = await replaceMethod(unlocked, "password", fresh);
      forget(unlocked);
      try {
        await this.http.call(endpoints.changePassword, {
          body: {
            current_password: current.authSecret,
            new_password: fresh.authSecret,
            new_salt: fresh.salt,
            methods: change.update,
          },
        });
      } catch (error) {
        if (hasCode(error, "wrong-credentials")) throw new ClientError(refusal);
        if (!hasCode(error, "version-conflict")) throw error;
        continue;
      }
      await ready.update({ wrapsVersion: change.version, shouldSetPassword: false });
      return;
    }
    throw new ClientError("version-conflict");
  }

  /** Everything of this account goes from here: tokens, keys, messages. */
  async #wipe(reason: "log-out" | "revoked" | "expired"): Promise<void> {
    if (this.#closed || this.#record === null) return;
    const { store } = this.options;
    this.#recoveryKey.forget();
    await this.#ready?.close();
    this.#ready = null;
    this.#record = null;
    this.http.tokens.set(null);
    await store.clear();
    await store.write([tables.signedOut.put("", only, { reason })]);
    this.#reason = reason;
    this.#emit();
    this.events.emit({ type: "connection", connection: this.connectionState() });
  }

  /** Whether everything is sent, waiting a while for it. */
  async #drained(ready: SignedIn): Promise<boolean> {
    const { clock } = this.options.environment;
    if (ready.outbox.isDrained) return true;
    return new Promise((resolve) => {
      const end = (isDrained: boolean) => {
        stop();
        clock.clearTimeout(timer);
        resolve(isDrained);
      };
      const timer = clock.setTimeout(() => end(ready.outbox.isDrained), unsentWaitMs);
      const stop = this.events.subscribe(() => {
        if (ready.outbox.isDrained) end(true);
      });
    });
  }

  #assertSignedOut(): void {
    if (this.#closed) throw new ClientError("closed");
    if (this.#ready !== null) throw new ClientError("already-signed-in");
  }

  #emit(): void {
    this.events.emit({ type: "session", session: this.state() });
  }

  #report(error: unknown): void {
    // What was still under way when the account was closed ends with `closed`.
    if (!this.#closed && !hasCode(error, "closed", "signed-out")) this.options.report?.(error);
  }
}
