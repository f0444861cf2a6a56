// An account with real keys, made as a client makes it, but for the password: nothing is ever derived from one here,
// because Argon2id takes 64 MiB and a third of a second for each.
import {
  type AccountState,
  appendEntry,
  createAccountLog,
  createMethod,
  createWraps,
  type Device,
  deriveRootKey,
  deriveVaultKey,
  emptyVault,
  generateDevice,
  generateIdentity,
  generateRootSecret,
  generateSafeKey,
  generateSealKeyPair,
  randomBytes,
  sealIdentity,
  sealVault,
} from "@cychat/crypto";
import { type AccountId, authEndpoints, keyEndpoints, signedToJson, toBase64url } from "@cychat/protocol";
import { call } from "./rest.ts";

export interface Person {
  readonly account: AccountId;
  readonly email: string;
  readonly token: string;
  readonly device: Device;
  /** What others read in this person's account log. */
  readonly state: AccountState;
}

export async function createPerson(url: string, name: string): Promise<Person> {
  const email = `${name}@bench.example`;
  const { user, token } = await call(url, authEndpoints.register, {
    body: {
      nickname: name,
      email,
      password: `cychat-auth-v1.password.${toBase64url(randomBytes(32))}`,
      password_salt: toBase64url(randomBytes(32)),
    },
  });
  const { device, state, creation } = await createKeys(user.id);
  await call(url, keyEndpoints.createKeys, { token: token.access_token, body: creation });
  await call(url, keyEndpoints.bindDevice, { token: token.access_token, body: { device: device.id } });
  return { account: user.id, email, token: token.access_token, device, state };
}

/** Everything that a new account publishes, and what its owner keeps. */
export async function createKeys(account: AccountId) {
  const root = generateRootSecret();
  const [{ identity, pkcs8 }, device, sealKey, vaultKey, rootKey, kek] = await Promise.all([
    generateIdentity(),
    generateDevice(),
    generateSealKeyPair(),
    deriveVaultKey(root),
    deriveRootKey(root),
    crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]),
  ]);
  const createdAtMs = Date.now();
  const vault = await sealVault(vaultKey, account, 1, {
    ...emptyVault,
    encryptionKeys: [{ ...sealKey, generation: 1, createdAtMs, supersededAtMs: null }],
    safeKeys: [generateSafeKey(createdAtMs)],
  });
  const method = await createMethod({ account, kind: "password", kek, identityKey: identity.publicKey });
  const wraps = await createWraps({ account, version: 1, identity, root, methods: [method] });
  const first = await createAccountLog(account, identity);
  const second = await appendEntry(first.state, identity, { kind: "encryption", generation: 1, publicKey: sealKey.publicKey });
  const third = await appendEntry(second.state, identity, {
    kind: "device",
    deviceKey: device.publicKey,
    vaultVersion: 1,
    vaultHash: vault.hash,
  });
  const creation = {
    log: [first, second, third].map(({ entry }) => signedToJson(entry)),
    methods: {
      wraps: signedToJson(wraps),
      boxes: [{ method: method.method, kind: "password" as const, box: toBase64url(method.box) }],
    },
    identity_box: toBase64url(await sealIdentity(rootKey, account, identity.publicKey, pkcs8)),
    vault: { version: 1, ciphertext: toBase64url(vault.ciphertext) },
  };
  return { device, state: third.state, creation };
}
