import { expect, test } from "bun:test";
import { asS3ConfigError, asS3Failure, asS3Refusal, S3Failure } from "./s3-failure.ts";

test("a bucket that is full is storage-full, and everything else may be over in a moment", () => {
  const refusals = [
    "QuotaExceeded",
    "EntityTooLarge",
    "XMinioStorageFull",
    "SlowDown",
    "InternalError",
    "ConnectionRefused",
    "Timeout",
  ];
  expect(refusals.map((code) => asS3Refusal(new S3Failure(code)).code)).toEqual([
    "storage-full",
    "storage-full",
    "storage-full",
    "overloaded",
    "overloaded",
    "overloaded",
    "overloaded",
  ]);
});

test("of what S3 says, nothing but a code goes on", () => {
  const said = Object.assign(new Error("key abc of bucket def at host ghi"), { code: "NoSuchKey", path: "abc" });
  const failure = asS3Failure(said);
  expect([failure.code, failure.message, Object.keys(failure).sort()]).toEqual(["NoSuchKey", "NoSuchKey", ["code", "name"]]);
  for (const strange of [null, undefined, "text", {}, { code: 5 }, { code: "two words" }, { code: "x".repeat(65) }])
    expect(asS3Failure(strange).code).toBe("UnknownError");
  expect(asS3Failure(failure)).toBe(failure);
});

test("at start, each failure names the setting to look at", () => {
  const named = (code: string) => asS3ConfigError(new S3Failure(code)).message.split(" ")[0];
  expect(named("InvalidAccessKeyId")).toBe("S3_ACCESS_KEY_ID");
  expect(named("SignatureDoesNotMatch")).toBe("S3_SECRET_ACCESS_KEY");
  expect(named("AccessDenied")).toBe("S3_ACCESS_KEY_ID");
  expect(named("NoSuchBucket")).toBe("S3_BUCKET");
  expect(named("QuotaExceeded")).toBe("S3_BUCKET");
  expect(named("AuthorizationHeaderMalformed")).toBe("S3_REGION");
  for (const code of ["ConnectionRefused", "Timeout", "UnknownError"]) expect(named(code)).toBe("S3_ENDPOINT");
});
