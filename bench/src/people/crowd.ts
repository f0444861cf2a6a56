// Very many accounts with real keys and two devices each, written into the database of a server that is not running:
// registering them would take Argon2id a third of a second each.
import { Database } from "bun:sqlite";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AccountState,
  appendEntry,
  createAccountLog,
  type Device,
  generateDevice,
  generateIdentity,
  generateSealKeyPair,
  randomBytes,
  type SealKeyPair,
} from "@cychat/crypto";
import { type AccountId, type Signed, toBase64url } from "@cychat/protocol";
import { inParallel } from "./in-parallel.ts";

export interface CrowdDevice {
  readonly device: Device;
  /** Good for 15 minutes. */
  readonly token: string;
}

export interface CrowdMember {
  readonly account: AccountId;
  readonly state: AccountState;
  readonly sealKey: SealKeyPair;
  /** Their sessions only listen: the server asks them for nothing. */
  readonly devices: readonly CrowdDevice[];
  /** A session of the first device that may send. */
  readonly sender: CrowdDevice;
}

interface Made extends Omit<CrowdMember, "devices" | "sender"> {
  readonly log: readonly Signed[];
  readonly devices: readonly { readonly device: Device; readonly session: string; readonly n: number }[];
  readonly sender: { readonly device: Device; readonly session: string };
}

const width = 16;
const devicesEach = 2;

/** `dataDir` must have been used by a server, and by none now. */
export async function createCrowd(dataDir: string, count: number): Promise<CrowdMember[]> {
  const places = Array.from({ length: count }, (_, place) => place);
  const made = await inParallel(places, width, createMember);
  insertMembers(dataDir, made);
  const secret = readFileSync(join(dataDir, "jwt-secret"), "utf8").trim();
  return made.map(({ log: _, devices, sender, ...member }) => {
    const withToken = ({ device, session }: Made["sender"]): CrowdDevice => ({
      device,
      token: accessToken(secret, member.account, session),
    });
    return { ...member, devices: devices.map(withToken), sender: withToken(sender) };
  });
}

async function createMember(): Promise<Made> {
  const account = crypto.randomUUID() as AccountId;
  const [{ identity }, sealKey] = await Promise.all([generateIdentity(), generateSealKeyPair()]);
  const devices = [];
  const begun = await createAccountLog(account, identity);
  const { entry, state: withKey } = await appendEntry(begun.state, identity, {
    kind: "encryption",
    generation: 1,
    publicKey: sealKey.publicKey,
  });
  const log = [begun.entry, entry];
  let state = withKey;
  for (let place = 0; place < devicesEach; place++) {
    const device = await generateDevice();
    const body = { kind: "device", deviceKey: device.publicKey, vaultVersion: 1, vaultHash: randomBytes(32) } as const;
    const appended = await appendEntry(state, identity, body);
    state = appended.state;
    log.push(appended.entry);
    devices.push({ device, session: crypto.randomUUID(), n: state.head.n });
  }
  const [first] = devices;
  if (first === undefined) throw new Error("a member needs a device");
  return { account, state, sealKey, log, devices, sender: { device: first.device, session: crypto.randomUUID() } };
}

/** What the server would have written at their registration, as far as anybody but themselves ever reads it. */
function insertMembers(dataDir: string, members: readonly Made[]): void {
  using database = new Database(join(dataDir, "cychat.db"));
  const nothing = new Uint8Array(0);
  const nowMs = Date.now();
  const insert = (table: string, row: Readonly<Record<string, string | number | null | Uint8Array>>) => {
    const names = Object.keys(row);
    const marks = names.map(() => "?");
    database.query(`insert into ${table} (${names.join(", ")}) values (${marks.join(", ")})`).run(...Object.values(row));
  };
  database.transaction(() => {
    for (const { account, state, log, devices, sender } of members) {
      const nickname = `member ${account.slice(0, 8)}`;
      insert("accounts", {
        id: account,
        email: `${account}@crowd.example`,
        nickname,
        nickname_key: nickname,
        user_role: "user",
        password_hash: "",
        password_salt: nothing,
        created_at_ms: nowMs,
      });
      for (const [n, { payload, signature }] of log.entries()) insert("account_log", { account, n, payload, signature });
      insert("account_keys", {
        account,
        wraps_payload: nothing,
        wraps_signature: nothing,
        wraps_version: 1,
        identity_box: nothing,
        vault_version: 1,
        vault: nothing,
        log_n: state.head.n,
        log_hash: state.head.hash,
        generation: state.newestGeneration,
        changed_at_ms: nowMs,
      });
      for (const { device, n } of devices)
        insert("devices", { device: device.id, account, n, public_key: device.publicKey, state: "active" });
      for (const { session, bound } of [...devices.map(listening), { session: sender.session, bound: sender.device.id }]) {
        insert("sessions", {
          id: session,
          account,
          device_name: "crowd",
          device: bound,
          created_at_ms: nowMs,
          last_seen_ms: nowMs,
        });
      }
    }
  })();
}

const listening = ({ session }: { readonly session: string }) => ({ session, bound: null });

/** JWT with HS256, as the server signs its own. */
function accessToken(secret: string, account: AccountId, session: string): string {
  const iat = Math.floor(Date.now() / 1000);
  const text = (value: object) => toBase64url(new TextEncoder().encode(JSON.stringify(value)));
  const claims = { sub: account, sid: session, iat, exp: iat + 15 * 60 };
  const signed = `${text({ alg: "HS256", typ: "JWT" })}.${text(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
