// Opens an account that has no keys yet: everything an account's keys begin with, made at once (e2ee: "Keys").
import {
  appendEntry,
  createAccountLog,
  createMethod,
  createWraps,
  type Device,
  deriveRootKey,
  emptyVault,
  generateIdentity,
  generateRootSecret,
  generateSafeKey,
  generateSealKeyPair,
  sealIdentity,
  sealVault,
  sha256,
  verifyWraps,
} from "@cychat/crypto";
import { type AccountId, type AccountKeys, endpoints, signedToJson, toBase64url } from "@cychat/protocol";
import type { Environment } from "../environment.ts";
import type { Http } from "../transport/http.ts";
import type { UnlockSecret } from "./secrets.ts";
import type { Unlocked } from "./unlock.ts";

/** Throws keys-exist when another client was faster: unlock what that one made. */
export async function openAccount(
  http: Http,
  environment: Environment,
  account: AccountId,
  secret: UnlockSecret,
): Promise<{ unlocked: Unlocked; device: Device }> {
  const nowMs = environment.clock.now();
  const root = generateRootSecret();
  const vaultKey = await environment.keys.vaultKey(root);
  const { identity, pkcs8 } = await generateIdentity();
  const identityBox = await sealIdentity(await deriveRootKey(root), account, identity.publicKey, pkcs8);
  pkcs8.fill(0);

  const encryptionKey = { ...(await generateSealKeyPair()), generation: 1, createdAtMs: nowMs, supersededAtMs: null };
  const contents = { ...emptyVault, encryptionKeys: [encryptionKey], safeKeys: [generateSafeKey(nowMs)] };
  const { ciphertext, hash } = await sealVault(vaultKey, account, 1, contents);

  const device = await environment.keys.device();
  const first = await createAccountLog(account, identity);
  const second = await appendEntry(first.state, identity, {
    kind: "encryption",
    generation: 1,
    publicKey: encryptionKey.publicKey,
  });
  const third = await appendEntry(second.state, identity, {
    kind: "device",
    deviceKey: device.publicKey,
    vaultVersion: 1,
    vaultHash: hash,
  });
  const own = third.state;

  const method = await createMethod({ account, kind: secret.kind, kek: secret.kek, identityKey: identity.publicKey });
  const wraps = await createWraps({ account, version: 1, identity, root, methods: [method] });
  const keys: AccountKeys = {
    log: [first.entry, second.entry, third.entry].map(signedToJson),
    wraps: signedToJson(wraps),
    boxes: [{ method: method.method, kind: method.kind, box: toBase64url(method.box) }],
    identity_box: toBase64url(identityBox),
    vault: { version: 1, ciphertext: toBase64url(ciphertext) },
  };
  const methods = { wraps: keys.wraps, boxes: keys.boxes };
  await http.call(endpoints.createKeys, { body: { log: keys.log, methods, identity_box: keys.identity_box, vault: keys.vault } });
  const statement = await verifyWraps({ account, identityKey: identity.publicKey, statement: wraps });
  const vault = { version: 1, ciphertext, contents };
  return { unlocked: { account, root, identity, vaultKey, own, keys, statement, vault }, device };
}

/** What a device certificate says of the vault that the device opened. */
export async function vaultNamed(vault: { version: number; ciphertext: Uint8Array }) {
  return { vaultVersion: vault.version, vaultHash: await sha256(vault.ciphertext) };
}
