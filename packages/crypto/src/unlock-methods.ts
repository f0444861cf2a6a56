// Unlock methods: each of them alone opens the account's one secret, M.
//
//   KEK (from password, recovery key, passkey) → method box → the method's HPKE seed, SHA-256(identity key)
//   method's HPKE key → its wrap in the newest statement, signed by the identity key → M
//   M → V (opens the vault), R (opens the identity private key)
//
// A method's box is made once; a new M only needs the methods' public keys, so no other method at hand.
import {
  type AccountId,
  ArrayReader,
  decodeWraps,
  encodeCbor,
  encodeWraps,
  equalBytes,
  labels,
  type MethodWrap,
  type Signed,
  toBase64url,
  type UnlockMethodKind,
  type WrapsStatement,
} from "@cychat/protocol";
import { CryptoError, decoded } from "./errors.ts";
import { deriveSealKeyPair, generateSealKeyPair, openSealed, sealTo } from "./hpke.ts";
import { hashIdentity, importIdentity, type SigningKey, sign, verify } from "./identity.ts";
import { assertKeyLength, type Bytes, hkdfAesKey, keyBytes, openBox, randomBytes, sealBox } from "./primitives.ts";

/** The public half of a method, as it stands in the wraps statement. */
export type MethodKey = Pick<MethodWrap, "method" | "kind" | "publicKey">;

/** A new method: its public half, and the box that the server keeps for it. */
export interface NewMethod extends MethodKey {
  readonly box: Bytes;
}

/** M: 32 random bytes. In memory only while an unlock is used; overwrite it afterwards. */
export function generateRootSecret(): Bytes {
  return randomBytes(keyBytes);
}

/** V = HKDF(M, vault): non-extractable, may stay in IndexedDB. */
export function deriveVaultKey(root: Uint8Array): Promise<CryptoKey> {
  assertKeyLength(root);
  return hkdfAesKey(root, [labels.vaultKey]);
}

/** R = HKDF(M, root): non-extractable. Never store it: whoever has it can certify devices. */
export function deriveRootKey(root: Uint8Array): Promise<CryptoKey> {
  assertKeyLength(root);
  return hkdfAesKey(root, [labels.rootKey]);
}

const identityPlace = (account: AccountId, identityKey: Uint8Array) => [labels.identityBox, account, identityKey];
const methodPlace = (account: AccountId, method: string, kind: UnlockMethodKind) => [labels.methodBox, account, method, kind];

export function sealIdentity(rootKey: CryptoKey, account: AccountId, identityKey: Uint8Array, pkcs8: Uint8Array): Promise<Bytes> {
  return sealBox(rootKey, identityPlace(account, identityKey), pkcs8);
}

/** Throws wrong-key, malformed-structure, malformed-key. */
export async function openIdentity(
  rootKey: CryptoKey,
  account: AccountId,
  identityKey: Uint8Array,
  box: Uint8Array,
): Promise<SigningKey> {
  const pkcs8 = await openBox(rootKey, identityPlace(account, identityKey), box);
  try {
    return await importIdentity(pkcs8, identityKey);
  } finally {
    pkcs8.fill(0);
  }
}

/** A new seed, key pair, id and box. A new password or recovery key always makes a new method. */
export async function createMethod(input: {
  readonly account: AccountId;
  readonly kind: UnlockMethodKind;
  readonly kek: CryptoKey;
  readonly identityKey: Uint8Array;
}): Promise<NewMethod> {
  const method = toBase64url(randomBytes(16));
  const { seed, publicKey } = await generateSealKeyPair();
  const contents = encodeCbor([seed, await hashIdentity(input.identityKey)]);
  const box = await sealBox(input.kek, methodPlace(input.account, method, input.kind), contents);
  contents.fill(0);
  seed.fill(0);
  return { method, kind: input.kind, publicKey, box };
}

/** Seals `root` to every one of `methods` and signs the statement: version 1 at first, then always one more. */
export async function createWraps(input: {
  readonly account: AccountId;
  readonly version: number;
  readonly identity: SigningKey;
  readonly root: Uint8Array;
  readonly methods: readonly MethodKey[];
}): Promise<Signed> {
  assertKeyLength(input.root);
  if (input.methods.length === 0) throw new CryptoError("not-allowed", "An account needs at least one unlock method.");
  const identityHash = await hashIdentity(input.identity.publicKey);
  const { account, version } = input;
  const wraps = await Promise.all(
    input.methods.map(async ({ method, kind, publicKey }): Promise<MethodWrap> => {
      const sealed = await sealTo(publicKey, wrapInfo({ account, version, identityHash }, { method, kind }), input.root);
      return { method, kind, publicKey, ...sealed };
    }),
  );
  return sign(input.identity.privateKey, labels.wraps, encodeWraps({ account, version, identityHash, wraps }));
}

/** The methods of the next statement. Both at once replaces a password. Throws not-allowed when none would be left. */
export function changeMethods(
  statement: WrapsStatement,
  change: { readonly add?: MethodKey; readonly remove?: string },
): MethodKey[] {
  const kept = statement.wraps.filter((wrap) => wrap.method !== change.remove);
  const methods = change.add === undefined ? kept : [...kept, change.add];
  if (methods.length === 0) throw new CryptoError("not-allowed", "The last way to unlock an account cannot be removed.");
  return methods.map(({ method, kind, publicKey }) => ({ method, kind, publicKey }));
}

export interface WrapsToVerify {
  readonly account: AccountId;
  /** From the verified account log. */
  readonly identityKey: Uint8Array;
  readonly statement: Signed;
  /** The newest version that this device has seen; an older one is refused. */
  readonly seenVersion?: number;
}

/** Throws bad-signature, identity-changed, rollback, malformed-structure. */
export async function verifyWraps(input: WrapsToVerify): Promise<WrapsStatement> {
  await verify(input.identityKey, labels.wraps, input.statement);
  const statement = decoded(() => decodeWraps(input.statement.payload));
  if (statement.account !== input.account) throw new CryptoError("bad-signature", "The statement is of another account.");
  if (!equalBytes(statement.identityHash, await hashIdentity(input.identityKey))) throw new CryptoError("identity-changed");
  if (statement.version < (input.seenVersion ?? 0)) throw new CryptoError("rollback");
  return statement;
}

/**
 * KEK + box + statement + identity key → M, all verified: the identity key is the one in the box, the statement is
 * signed by it, and the wrap is for the very key in the box.
 * Throws wrong-key (the password or recovery key is wrong), identity-changed, bad-signature, rollback, malformed-structure.
 */
export async function openMethod(
  input: WrapsToVerify & {
    readonly method: string;
    readonly kind: UnlockMethodKind;
    readonly kek: CryptoKey;
    readonly box: Uint8Array;
  },
): Promise<{ root: Bytes; statement: WrapsStatement }> {
  const { account, method, kind } = input;
  const contents = await openBox(input.kek, methodPlace(account, method, kind), input.box);
  const { seed, identityHash } = decoded(() => {
    const reader = ArrayReader.ofBytes(contents, "a method box");
    const fields = { seed: reader.bytes(keyBytes), identityHash: reader.bytes(32) };
    reader.end();
    return fields;
  });
  contents.fill(0);
  if (!equalBytes(identityHash, await hashIdentity(input.identityKey))) throw new CryptoError("identity-changed");
  const statement = await verifyWraps(input);
  const keyPair = await deriveSealKeyPair(seed);
  const wrap = statement.wraps.find((candidate) => candidate.method === method);
  if (wrap === undefined || wrap.kind !== kind || !equalBytes(wrap.publicKey, keyPair.publicKey)) {
    throw new CryptoError("wrong-key", "The newest statement of unlock methods does not name this one.");
  }
  const root = await openSealed(keyPair, wrapInfo(statement, wrap), wrap);
  seed.fill(0);
  keyPair.seed.fill(0);
  assertKeyLength(root);
  return { root, statement };
}

function wrapInfo(statement: Omit<WrapsStatement, "wraps">, wrap: Pick<MethodWrap, "method" | "kind">): Bytes {
  return encodeCbor([labels.wrap, statement.account, statement.version, statement.identityHash, wrap.method, wrap.kind]);
}
