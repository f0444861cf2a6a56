// Deterministic CBOR (RFC 8949 section 4.2), the one encoding of everything that is signed, sealed or encrypted.
// Arrays, text, bytes, booleans, null and integers up to 2^53-1; nothing else exists in this protocol.
import { type DecodeOptions, decode, encode, rfc8949EncodeOptions, Token, Tokenizer, Type } from "cborg";
import { ProtocolError } from "./errors.ts";

export type CborValue = string | number | boolean | null | Uint8Array | readonly CborValue[];

/** Arrays within arrays; nothing of ours comes near. Deeper ones only exist to keep a reader busy. */
const maxDepth = 32;

/** cborg's own would drop a byte order mark in front of a text. */
const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Refuses deep nesting before anything is built, and reads texts as they are. */
class StrictTokenizer extends Tokenizer {
  /** How many items each open array still waits for. */
  readonly #waiting: number[] = [];

  override next(): Token {
    const token = super.next();
    if (Type.equals(token.type, Type.map)) throw new TypeError("a map");
    const top = this.#waiting.length - 1;
    if (top >= 0) this.#waiting[top] = (this.#waiting[top] as number) - 1;
    if (Type.equals(token.type, Type.array)) {
      this.#waiting.push(token.value as number);
      if (this.#waiting.length > maxDepth) throw new RangeError("nested too deep");
    }
    while (this.#waiting.at(-1) === 0) this.#waiting.pop();
    if (token.byteValue === undefined) return token;
    return new Token(token.type, strictText.decode(token.byteValue), token.encodedLength);
  }
}

const decodeOptions: DecodeOptions = {
  retainStringBytes: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  strict: true,
  rejectDuplicateMapKeys: true,
};

function assertPlain(value: unknown, depth = 0): asserts value is CborValue {
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    if (value.isWellFormed()) return;
    throw new ProtocolError("malformed-structure", "a text with half a character in it");
  }
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return;
    throw new ProtocolError("malformed-structure", "a number that is no integer within 2^53-1");
  }
  if (value instanceof Uint8Array) return;
  if (Array.isArray(value)) {
    if (depth === maxDepth) throw new ProtocolError("malformed-structure", "arrays nested too deep");
    for (const item of value) assertPlain(item, depth + 1);
    return;
  }
  throw new ProtocolError("malformed-structure", "a type that the protocol does not use");
}

/** Deterministic bytes of `value`. Throws `malformed-structure` for maps, floats, undefined, bigint and tags. */
export function encodeCbor(value: CborValue): Uint8Array<ArrayBuffer> {
  assertPlain(value);
  // cborg may hand out a view into a pooled buffer; a copy keeps signatures and hashes free of aliasing.
  return new Uint8Array(encode(value, rfc8949EncodeOptions));
}

/**
 * A CBOR array put together from items that are encoded already: the same bytes as encoding it whole, at a fraction of the
 * cost where most items are known from before.
 */
export function cborArrayOf(items: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const head = arrayHead(items.length);
  const all = new Uint8Array(items.reduce((sum, item) => sum + item.length, head.length));
  all.set(head);
  let at = head.length;
  for (const item of items) {
    all.set(item, at);
    at += item.length;
  }
  return all;
}

/** Major type 4 with its shortest length (RFC 8949 section 3). */
function arrayHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x80 | length);
  if (length < 0x100) return Uint8Array.of(0x98, length);
  if (length < 0x10000) return Uint8Array.of(0x99, length >> 8, length & 0xff);
  return Uint8Array.of(0x9a, (length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}

/** Strict inverse of {@link encodeCbor}: refuses whatever would not encode to the very same bytes again. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  let value: unknown;
  try {
    value = decode(bytes, { ...decodeOptions, tokenizer: new StrictTokenizer(bytes, decodeOptions) });
  } catch {
    throw new ProtocolError("malformed-structure", "not the CBOR that this protocol uses");
  }
  assertPlain(value);
  const again = encode(value, rfc8949EncodeOptions);
  if (!equalBytes(again, bytes)) throw new ProtocolError("malformed-structure", "CBOR in a form that is not deterministic");
  return value;
}

/** Not constant-time: for public bytes only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
