// The recovery key: 32 random bytes on paper, as 24 words (BIP-39) or as 14 groups of Crockford's base32.
// It needs no Argon2: nobody can guess 256 bits.
import { encodeCbor, labels } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { splitSecret, type UnlockSecrets } from "./password.ts";
import { assertKeyLength, type Bytes, concatBytes, keyBytes, randomBytes, sha256 } from "./primitives.ts";

/** Crockford's: no I, L, O, U. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const checkBytes = 3;
/** 280 bits in symbols of 5. */
const symbols = ((keyBytes + checkBytes) * 8) / 5;
const groupLength = 4;

/** The words are needed once or twice in an account's life: a page loads their list then. */
const loadWords = () => import("./recovery-words.ts");

export function generateRecoveryKey(): Bytes {
  return randomBytes(keyBytes);
}

/** 24 English words with a space between them; the last one carries BIP-39's 8-bit checksum. */
export async function recoveryKeyToWords(key: Uint8Array): Promise<string> {
  assertKeyLength(key);
  return (await loadWords()).toWords(key);
}

/** 14 groups of 4 with hyphens, a 24-bit checksum at the end; also the text of the QR code. */
export async function recoveryKeyToText(key: Uint8Array): Promise<string> {
  assertKeyLength(key);
  const bits = BigInt(`0x${concatBytes(key, await checksum(key)).toHex()}`);
  let text = "";
  for (let index = symbols - 1; index >= 0; index--) {
    text += alphabet[Number((bits >> BigInt(5 * index)) & 31n)];
    if (index > 0 && index % groupLength === 0) text += "-";
  }
  return text;
}

/**
 * Reads either form, in any case and spacing, with or without hyphens; O, I and L are read as 0, 1 and 1 in groups.
 * Throws recovery-unknown-word and recovery-wrong-character (with `position`, counted from 1), recovery-wrong-length,
 * recovery-checksum.
 */
export async function parseRecoveryKey(text: string): Promise<Bytes> {
  const parts = text
    .normalize("NFKD")
    .toLowerCase()
    .split(/[\s,;]+/)
    .filter((part) => part !== "");
  const compact = parts.join("").replaceAll(/[-‐-―]/g, "");
  // No 24 words are as short as the groups' symbols, so that length alone tells the two apart however they are spaced.
  if (compact.length === symbols) return parseGroups(compact.toUpperCase());
  const { looksLikeWords, parseWords } = await loadWords();
  return looksLikeWords(parts) ? parseWords(parts) : parseGroups(compact.toUpperCase());
}

export function deriveRecoverySecrets(key: Uint8Array): Promise<UnlockSecrets> {
  return splitSecret("recovery", new Uint8Array(key), labels.recoveryAuth, labels.recoveryKek);
}

async function parseGroups(compact: string): Promise<Bytes> {
  let bits = 0n;
  for (const [index, symbol] of [...compact.replaceAll("O", "0").replaceAll(/[IL]/g, "1")].entries()) {
    const value = alphabet.indexOf(symbol);
    if (value < 0) {
      const group = Math.floor(index / groupLength) + 1;
      throw new CryptoError("recovery-wrong-character", `Group ${group} has a character that does not belong there.`, group);
    }
    if (index < symbols) bits = (bits << 5n) | BigInt(value);
  }
  if (compact.length !== symbols) {
    throw new CryptoError("recovery-wrong-length", `A recovery key has ${symbols} characters; these are ${compact.length}.`);
  }
  const bytes = Uint8Array.fromHex(bits.toString(16).padStart((keyBytes + checkBytes) * 2, "0"));
  const key = bytes.slice(0, keyBytes);
  if ((await checksum(key)).toHex() !== bytes.subarray(keyBytes).toHex()) throw new CryptoError("recovery-checksum");
  return key;
}

async function checksum(key: Uint8Array): Promise<Bytes> {
  return (await sha256(encodeCbor([labels.recoveryCheck, key]))).slice(0, checkBytes);
}
