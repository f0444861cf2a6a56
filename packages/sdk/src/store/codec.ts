// Plain data to bytes and back, for stores that keep ciphertext: JSON, with `{"$": kind}` for what JSON has no word for.
import type { StoredRecord } from "./store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(dress(value)));
}

function decodeValue(bytes: Uint8Array): unknown {
  return undress(JSON.parse(decoder.decode(bytes)));
}

/** In front of a blob's bytes, which stand for themselves; JSON never begins with it. */
const blobMark = 0;

/** A record with its names. A blob's bytes stay as they are: pieces of files are large. */
export async function encodeRecord({ group, key, value }: StoredRecord): Promise<Uint8Array<ArrayBuffer>> {
  if (!(value instanceof Blob)) return encodeValue([group, key, value]);
  const names = encoder.encode(JSON.stringify([group, key]));
  const bytes = new Uint8Array(5 + names.length + value.size);
  bytes[0] = blobMark;
  new DataView(bytes.buffer).setUint32(1, names.length);
  bytes.set(names, 5);
  bytes.set(new Uint8Array(await value.arrayBuffer()), 5 + names.length);
  return bytes;
}

export function decodeRecord(bytes: Uint8Array<ArrayBuffer>): StoredRecord {
  if (bytes[0] !== blobMark) {
    const [group, key, value] = decodeValue(bytes) as [string, string | number, unknown];
    return { group, key, value };
  }
  const end = 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  const [group, key] = JSON.parse(decoder.decode(bytes.subarray(5, end))) as [string, string | number];
  return { group, key, value: new Blob([bytes.subarray(end)]) };
}

function dress(value: unknown): unknown {
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint")
    throw new TypeError("Not plain data.");
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Uint8Array) return { $: "bytes", v: value.toBase64() };
  if (value instanceof Map) return { $: "map", v: [...value].map(([key, item]) => [dress(key), dress(item)]) };
  if (value instanceof Set) return { $: "set", v: [...value].map(dress) };
  if (Array.isArray(value)) return value.map(dress);
  const plain: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) plain[name] = dress(item);
  return Object.hasOwn(plain, "$") ? { $: "object", v: plain } : plain;
}

function undress(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(undress);
  const dressed = value as { $?: string; v?: unknown };
  switch (dressed.$) {
    case "bytes":
      return Uint8Array.fromBase64(dressed.v as string);
    case "map":
      return new Map((dressed.v as unknown[][]).map(([key, item]) => [undress(key), undress(item)]));
    case "set":
      return new Set((dressed.v as unknown[]).map(undress));
    case "object":
      return undressFields(dressed.v as object);
    default:
      return undressFields(value);
  }
}

function undressFields(value: object): object {
  const plain: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) plain[name] = undress(item);
  return plain;
}
