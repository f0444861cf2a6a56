// What S3 answers in place of what was asked for. Only its code goes on from here: its text may name keys, buckets and hosts.
import { ProtocolError } from "@cychat/protocol";
import { ConfigError } from "../config.ts";

export class S3Failure extends Error {
  override readonly name = "S3Failure";
  /** `code` as S3 or the connection has it; `Timeout` where there was no answer. */
  constructor(readonly code: string) {
    super(code);
  }
}

/** AWS, Ceph, MinIO and Garage have no word in common. */
const full = new Set([
  "QuotaExceeded",
  "EntityTooLarge",
  "InsufficientStorage",
  "StorageFull",
  "XMinioStorageFull",
  "XMinioAdminBucketQuotaExceeded",
  "XMinioDiskFull",
]);

export function asS3Failure(error: unknown): S3Failure {
  if (error instanceof S3Failure) return error;
  const code = (error as { readonly code?: unknown } | null)?.code;
  return new S3Failure(typeof code === "string" && /^\w{1,64}$/.test(code) ? code : "UnknownError");
}

/** Everything but a full bucket may be over in a moment, so that clients try again. */
export function asS3Refusal({ code }: S3Failure): ProtocolError {
  return new ProtocolError(full.has(code) ? "storage-full" : "overloaded");
}

/** One line for whoever starts the server, that begins with the setting to look at. */
export function asS3ConfigError({ code }: S3Failure): ConfigError {
  switch (code) {
    case "InvalidAccessKeyId":
      return new ConfigError(`S3_ACCESS_KEY_ID is not known to the service (${code}).`);
    case "SignatureDoesNotMatch":
      return new ConfigError(`S3_SECRET_ACCESS_KEY does not belong to S3_ACCESS_KEY_ID (${code}).`);
    case "AccessDenied":
      return new ConfigError(`S3_ACCESS_KEY_ID has to be allowed to list, read, write and delete in the bucket (${code}).`);
    case "NoSuchBucket":
    case "InvalidBucketName":
      return new ConfigError(`S3_BUCKET names no bucket that is there (${code}).`);
    case "AuthorizationHeaderMalformed":
    case "PermanentRedirect":
      return new ConfigError(`S3_REGION is not the bucket's (${code}).`);
    default:
      return full.has(code)
        ? new ConfigError(`S3_BUCKET has no space left (${code}).`)
        : new ConfigError(`S3_ENDPOINT does not answer as an S3 service does (${code}).`);
  }
}
