// Plain data to bytes and back, for stores that keep ciphertext: JSON, with `{"$": kind}` for what JSON has no word for.
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(dress(value)));
}

export function decodeValue(bytes: Uint8Array): unknown {
  return undress(JSON.parse(decoder.decode(bytes)));
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
