// What stores that outlive the process write: ciphertext only, under record keys that reveal no names.
import { openLocal, sealLocal } from "@cychat/crypto";
import { decodeRecord, encodeRecord } from "./codec.ts";
import type { Place, StoredRecord } from "./store.ts";

/** A place with its names replaced by HMACs; numbers (the order of records) stay readable. */
export interface SealedPlace {
  readonly table: string;
  readonly group: string;
  readonly key: string | number;
}

/** Places are asked for again and again; so many are remembered. */
const rememberedTags = 5000;

export class Sealer {
  readonly #tags = new Map<string, string>();

  constructor(
    /** AES-256-GCM. */
    readonly boxKey: CryptoKey,
    /** HMAC-SHA-256. */
    readonly tagKey: CryptoKey,
  ) {}

  async place(place: Place): Promise<SealedPlace> {
    return {
      table: await this.tag("table", place.table),
      group: await this.tag(`group of ${place.table}`, place.group),
      key: typeof place.key === "number" ? place.key : await this.tag(`key of ${place.table}`, place.key),
    };
  }

  async tag(what: string, text: string): Promise<string> {
    const input = `${what}\n${text}`;
    const known = this.#tags.get(input);
    if (known !== undefined) return known;
    const mac = await crypto.subtle.sign("HMAC", this.tagKey, new TextEncoder().encode(input));
    const tag = new Uint8Array(mac, 0, 16).toBase64({ alphabet: "base64url", omitPadding: true });
    if (this.#tags.size >= rememberedTags) this.#tags.clear();
    this.#tags.set(input, tag);
    return tag;
  }

  /** The real names are inside the box, the sealed ones authenticated: a box moved to another place does not open. */
  async seal(sealed: SealedPlace, place: Place, value: unknown): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await encodeRecord({ group: place.group, key: place.key, value });
    return sealLocal(this.boxKey, [sealed.table, sealed.group, sealed.key], bytes);
  }

  async open(sealed: SealedPlace, box: Uint8Array): Promise<StoredRecord> {
    const bytes = await openLocal(this.boxKey, [sealed.table, sealed.group, sealed.key], box);
    return decodeRecord(bytes);
  }
}
