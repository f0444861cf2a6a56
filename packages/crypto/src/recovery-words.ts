// A recovery key as 24 English words (BIP-39), the last of which carries a checksum of 8 bits.
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { CryptoError } from "./errors.ts";
import type { Bytes } from "./primitives.ts";

const wordCount = 24;
const words: ReadonlySet<string> = new Set(wordlist);

export const toWords = (key: Uint8Array): string => entropyToMnemonic(key, wordlist);

export const looksLikeWords = (parts: readonly string[]): boolean =>
  parts.length >= wordCount || parts.some((part) => words.has(part));

/** Throws recovery-unknown-word (with `position`, counted from 1), recovery-wrong-length, recovery-checksum. */
export function parseWords(parts: readonly string[]): Bytes {
  const wrong = parts.findIndex((part) => !words.has(part));
  if (wrong >= 0)
    throw new CryptoError("recovery-unknown-word", `Word ${wrong + 1} is not in the list of recovery words.`, wrong + 1);
  if (parts.length !== wordCount) {
    throw new CryptoError("recovery-wrong-length", `A recovery key has ${wordCount} words; these are ${parts.length}.`);
  }
  try {
    return new Uint8Array(mnemonicToEntropy(parts.join(" "), wordlist));
  } catch {
    throw new CryptoError("recovery-checksum");
  }
}
