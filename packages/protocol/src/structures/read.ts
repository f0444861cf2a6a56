// Reads one decoded CBOR array field by field, and refuses anything left over.
import { type CborValue, decodeCbor } from "../cbor.ts";
import { ProtocolError } from "../errors.ts";

export class ArrayReader {
  #index = 0;
  readonly #items: readonly CborValue[];
  readonly #what: string;

  constructor(value: CborValue, what: string) {
    if (!Array.isArray(value)) throw new ProtocolError("malformed-structure", `${what} is not an array`);
    this.#items = value;
    this.#what = what;
  }

  static ofBytes(bytes: Uint8Array, what: string): ArrayReader {
    return new ArrayReader(decodeCbor(bytes), what);
  }

  #next(): CborValue {
    if (this.#index >= this.#items.length) this.fail("is too short");
    return this.#items[this.#index++] as CborValue;
  }

  fail(why: string): never {
    throw new ProtocolError("malformed-structure", `${this.#what} ${why}`);
  }

  text(): string {
    const value = this.#next();
    return typeof value === "string" ? value : this.fail("wants a text here");
  }

  textOrNull(): string | null {
    if (this.#items[this.#index] === null) {
      this.#index += 1;
      return null;
    }
    return this.text();
  }

  literal<T extends string | number>(expected: T): T {
    const value = this.#next();
    return value === expected ? expected : this.fail("has another version or label than this software knows");
  }

  /** A non-negative integer. */
  count(): number {
    const value = this.#next();
    return typeof value === "number" && value >= 0 ? value : this.fail("wants a non-negative integer here");
  }

  countOrNull(): number | null {
    if (this.#items[this.#index] !== null) return this.count();
    this.#index += 1;
    return null;
  }

  bytes(length?: number): Uint8Array<ArrayBuffer> {
    const value = this.#next();
    if (!(value instanceof Uint8Array)) this.fail("wants bytes here");
    if (length !== undefined && value.length !== length) this.fail(`wants ${length} bytes here`);
    return new Uint8Array(value);
  }

  bytesOrNull(length?: number): Uint8Array<ArrayBuffer> | null {
    if (this.#items[this.#index] === null) {
      this.#index += 1;
      return null;
    }
    return this.bytes(length);
  }

  boolean(): boolean {
    const value = this.#next();
    return typeof value === "boolean" ? value : this.fail("wants true or false here");
  }

  value(): CborValue {
    return this.#next();
  }

  array(what: string): ArrayReader {
    return new ArrayReader(this.#next(), what);
  }

  list<T>(what: string, read: (item: ArrayReader) => T): T[] {
    const value = this.#next();
    if (!Array.isArray(value)) this.fail("wants an array here");
    return value.map((item) => {
      const reader = new ArrayReader(item, what);
      const result = read(reader);
      reader.end();
      return result;
    });
  }

  end(): void {
    if (this.#index !== this.#items.length) this.fail("is too long");
  }
}
