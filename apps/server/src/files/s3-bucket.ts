// One bucket, or the part of one under a prefix. Every call ends within a time, and fails with a typed `S3Failure`.
import { randomUUID } from "node:crypto";
import type { S3Settings } from "../config.ts";
import { asS3Failure, S3Failure } from "./s3-failure.ts";

export interface S3Object {
  /** Without the prefix. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** By the service's clock. */
  readonly modifiedMs: number;
}

/** Larger than anything that is put: then an object is one request, which is stored whole or not at all. */
const multipartFromBytes = 1024 ** 3;

export class S3Bucket {
  readonly #client: Bun.S3Client;
  readonly #prefix: string;
  readonly #answerWithinMs: number;

  /** `answerWithinMs`: for one request; when reading, for one piece. */
  constructor({ prefix, ...settings }: S3Settings, answerWithinMs = 60_000) {
    this.#client = new Bun.S3Client({ ...settings, virtualHostedStyle: false });
    this.#prefix = prefix;
    this.#answerWithinMs = answerWithinMs;
  }

  /** `body` is in memory for as long as the request takes. */
  async put(key: string, body: Blob): Promise<void> {
    await this.#within(this.#client.write(this.#prefix + key, body, { partSize: multipartFromBytes, retry: 1 }));
  }

  /** Those whose keys begin with `prefix`, page by page. */
  async *list(prefix: string): AsyncGenerator<S3Object> {
    let continuationToken: string | undefined;
    do {
      const page = await this.#within(
        this.#client.list({ prefix: this.#prefix + prefix, ...(continuationToken && { continuationToken }) }),
      );
      for (const { key, size, lastModified } of page.contents ?? []) {
        if (!key.startsWith(this.#prefix)) continue;
        yield { key: key.slice(this.#prefix.length), size: Number(size), modifiedMs: Date.parse(lastModified ?? "") };
      }
      continuationToken = page.isTruncated ? page.nextContinuationToken : undefined;
    } while (continuationToken !== undefined);
  }

  /** The bytes of an object from `start` to before `end`; fails where they are fewer. */
  async *read(key: string, start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = this.#client
      .file(this.#prefix + key)
      .slice(start, end)
      .stream()
      .getReader();
    let left = end - start;
    try {
      while (left > 0) {
        const { done, value } = await this.#within(reader.read());
        if (done) break;
        // A service may leave a range aside (RFC 9110 section 14.2): then these are other bytes, unless it began at the first.
        if (value.length > left && start > 0) throw new S3Failure("RangeIgnored");
        yield value.subarray(0, left);
        left -= Math.min(value.length, left);
      }
    } finally {
      // Whoever stops reading must not keep the connection.
      reader.cancel().catch(() => {});
    }
    if (left > 0) throw new S3Failure("ShorterThanListed");
  }

  /** Also where there is none. */
  async delete(key: string): Promise<void> {
    await this.#within(this.#client.delete(this.#prefix + key));
  }

  /** Does once what uploads will need. */
  async check(): Promise<void> {
    const key = `check-${randomUUID()}`;
    await this.put(key, new Blob(["check"]));
    const listed: string[] = [];
    for await (const object of this.list(key)) listed.push(object.key);
    if (!listed.includes(key)) throw new S3Failure("NotListed");
    for await (const _ of this.read(key, 0, 5));
    await this.delete(key);
  }

  /** The client has no time limits of its own. What still ends after the time is harmless: parts are never overwritten. */
  async #within<T>(request: Promise<T>): Promise<T> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new S3Failure("Timeout")), this.#answerWithinMs);
    });
    try {
      return await Promise.race([request, late]);
    } catch (error) {
      throw asS3Failure(error);
    } finally {
      clearTimeout(timer);
    }
  }
}
