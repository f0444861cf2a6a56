// The safety number: 60 digits that two people compare, and a code for the camera.
// Rendered as Signal does (five bytes big-endian, modulo 100,000, six times per side); PBKDF2 (RFC 8018) makes a search
// for a near-collision 100,000 times dearer.
import { type AccountId, encodeCbor, labels, toBase64url } from "@cychat/protocol";
import { type Bytes, sha256 } from "./primitives.ts";

const rounds = 100_000;
const groupsPerSide = 6;
const bytesPerGroup = 5;
const digitsPerGroup = 5;
const codePrefix = "cychat-safety-v1.";

export interface SafetySide {
  readonly account: AccountId;
  /** 65 bytes. */
  readonly identityKey: Uint8Array;
}

/** 60 digits, the same whoever of the two asks. About 50 ms. */
export async function safetyNumber(a: SafetySide, b: SafetySide): Promise<string> {
  return (await Promise.all([halfOf(a), halfOf(b)])).toSorted().join("");
}

/** Twelve groups of five digits. */
export function formatSafetyNumber(digits: string): string {
  return digits.match(/\d{5}/g)?.join(" ") ?? "";
}

async function halfOf(side: SafetySide): Promise<string> {
  const secret = encodeCbor([labels.safetyNumber, side.account, side.identityKey]);
  const base = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const salt = new TextEncoder().encode(labels.safetyNumber);
  const algorithm = { name: "PBKDF2", hash: "SHA-512", salt, iterations: rounds };
  const bits = new Uint8Array(await crypto.subtle.deriveBits(algorithm, base, groupsPerSide * bytesPerGroup * 8));
  let digits = "";
  for (let at = 0; at < bits.length; at += bytesPerGroup) {
    // 40 bits: exact in a double.
    const value = Number.parseInt(bits.subarray(at, at + bytesPerGroup).toHex(), 16);
    digits += String(value % 10 ** digitsPerGroup).padStart(digitsPerGroup, "0");
  }
  return digits;
}

/** The text of the QR code: a full 256-bit hash over both sides, the same whoever of the two shows it. */
export async function safetyCode(a: SafetySide, b: SafetySide): Promise<string> {
  const sides = [a, b].toSorted((x, y) => (x.account < y.account ? -1 : 1)).map((side) => [side.account, side.identityKey]);
  const hash: Bytes = await sha256(encodeCbor([labels.safetyCode, sides]));
  return codePrefix + toBase64url(hash);
}

export async function compareSafetyCode(
  scanned: string,
  a: SafetySide,
  b: SafetySide,
): Promise<"same" | "different" | "not-a-safety-code"> {
  if (!/^cychat-safety-v1\.[A-Za-z0-9_-]{43}$/.test(scanned)) return "not-a-safety-code";
  return scanned === (await safetyCode(a, b)) ? "same" : "different";
}
