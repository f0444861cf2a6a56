import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { BlobFiles } from "./blob-files.ts";
import type { BlobStore } from "./blob-store.ts";
import { S3Blobs } from "./s3-blobs.ts";
import { S3Bucket } from "./s3-bucket.ts";
import { asS3ConfigError, asS3Failure } from "./s3-failure.ts";
import { Spool } from "./spool.ts";
import type { WriteChunk } from "./write-chunk.ts";

/**
 * The upload folder, or the bucket that the settings name. `write` writes what is uploaded to the disk.
 * Throws a `ConfigError` where the bucket cannot be reached, listed, read or written.
 */
export async function openBlobStore(
  { uploadDir, s3 }: Pick<Config, "uploadDir" | "s3">,
  log: Log,
  write?: WriteChunk,
): Promise<BlobStore> {
  if (s3 === null) return new BlobFiles(uploadDir, log, write);
  const bucket = new S3Bucket(s3);
  try {
    await bucket.check();
  } catch (error) {
    throw asS3ConfigError(asS3Failure(error));
  }
  return new S3Blobs({ bucket, spool: new Spool(join(uploadDir, "spool"), write), log });
}
