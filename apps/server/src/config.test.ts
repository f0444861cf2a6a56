import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Environment, loadConfig } from "./config.ts";

function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "cychat-config-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const refusal = (environment: Environment): string => {
  try {
    withFolder((DATA_DIR) => loadConfig({ DATA_DIR, ...environment }));
    return "accepted";
  } catch (error) {
    return (error as Error).message;
  }
};

test("without a setting everything has a default", () => {
  withFolder((DATA_DIR) => {
    const config = loadConfig({ DATA_DIR });
    expect(config).toMatchObject({
      host: "0.0.0.0",
      port: 8000,
      publicUrl: null,
      isDebug: true,
      registration: "open",
      corsOrigins: [],
      s3: null,
      maxUploadBytes: 2 ** 31,
      userQuotaBytes: null,
      uploadsQuotaBytes: null,
    });
    expect(config.dataDir).toBe(DATA_DIR);
  });
});

test("the signing secret is made at the first start, kept, and readable by its owner only", () => {
  withFolder((DATA_DIR) => {
    const first = loadConfig({ DATA_DIR }).jwtSecret;
    expect(first.length).toBeGreaterThanOrEqual(64);
    expect(loadConfig({ DATA_DIR }).jwtSecret).toBe(first);
    expect(statSync(join(DATA_DIR, "jwt-secret")).mode & 0o777).toBe(0o600);
    const own = "kT8vQ2mZ5xR7wN4bL9cJ6hF3dS1aP0eY";
    expect(loadConfig({ DATA_DIR, JWT_SECRET_KEY: own }).jwtSecret).toBe(own);
  });
});

test("a wrong setting is refused with one line that names it", () => {
  const wrong: Environment[] = [
    { DB_TYPE: "sqlserver" },
    { DB_TYPE: "postgres" },
    { DB_TYPE: "oracle" },
    { JWT_SECRET_KEY: "tooshortasecret" },
    { JWT_SECRET_KEY: "change this to something long and secure!" },
    { JWT_SECRET_KEY: "your-secret-key-goes-here-0123456789-abc" },
    { JWT_SECRET_KEY: "a".repeat(40) },
    { DEBUG: "yes" },
    { PORT: "eighty" },
    { PORT: "70000" },
    { PORT: "-1" },
    { HOST: "not a host" },
    { PUBLIC_URL: "chat.example.org" },
    { PUBLIC_URL: "https://chat.example.org/path" },
    { PUBLIC_URL: "ftp://chat.example.org" },
    { CORS_ORIGINS: "*" },
    { CORS_ORIGINS: "https://a.example, file://" },
    { REGISTRATION: "sometimes" },
    { MESSAGE_RETENTION_DAYS: "0" },
    { METRICS_TOKEN: "short" },
    { TRUST_PROXY: "maybe" },
    { MESSAGES_PER_SECOND: "1.5" },
    { MAX_UPLOAD_MB: "0" },
    { USER_QUOTA_MB: "plenty" },
    { UPLOADS_QUOTA_MB: "-1" },
    { S3_ENDPOINT: "s3.example.org" },
    { S3_ENDPOINT: "https://s3.example.org/bucket" },
    { S3_BUCKET: "a bucket" },
    { S3_REGION: "eu central" },
    { S3_PREFIX: "/chat" },
  ];
  for (const environment of wrong) {
    const [name] = Object.keys(environment) as [string];
    const message = refusal(environment);
    expect([name, message.startsWith(`${name} `), message.includes("\n")]).toEqual([name, true, false]);
    // A refused secret does not end up in a log.
    if (name === "JWT_SECRET_KEY") expect(message).not.toContain(environment[name] as string);
  }
});

test("settings are read as people write them", () => {
  withFolder((DATA_DIR) => {
    const config = loadConfig({
      DATA_DIR,
      DEBUG: "",
      PORT: " 9000 ",
      PUBLIC_URL: "https://chat.example.org/",
      CORS_ORIGINS: "https://a.example.org, http://localhost:5500/",
      TRUST_PROXY: "1",
      REGISTRATION: "",
      DB_TYPE: "sqlite",
      MAX_UPLOAD_MB: "25",
      USER_QUOTA_MB: "500",
      UPLOADS_QUOTA_MB: "",
    });
    expect(config).toMatchObject({
      isDebug: false,
      port: 9000,
      publicUrl: "https://chat.example.org",
      corsOrigins: ["https://a.example.org", "http://localhost:5500"],
      trustProxy: true,
      registration: "open",
      maxUploadBytes: 25 * 1024 * 1024,
      userQuotaBytes: 500 * 1024 * 1024,
      uploadsQuotaBytes: null,
    });
  });
});

const bucket = {
  S3_ENDPOINT: "https://s3.example.org/",
  S3_BUCKET: "chat-files",
  S3_ACCESS_KEY_ID: "the-key",
  S3_SECRET_ACCESS_KEY: "not-to-be-shown",
};

test("with a bucket, region and prefix have defaults, and a prefix ends in a slash", () => {
  withFolder((DATA_DIR) => {
    const s3 = {
      endpoint: "https://s3.example.org",
      region: "us-east-1",
      bucket: "chat-files",
      accessKeyId: "the-key",
      secretAccessKey: "not-to-be-shown",
      prefix: "",
    };
    expect(loadConfig({ DATA_DIR, ...bucket }).s3).toEqual(s3);
    for (const S3_PREFIX of ["chat/files", "chat/files/"])
      expect(loadConfig({ DATA_DIR, ...bucket, S3_REGION: "eu-central-1", S3_PREFIX }).s3).toEqual({
        ...s3,
        region: "eu-central-1",
        prefix: "chat/files/",
      });
  });
});

test("half a bucket is refused with one line that names what is missing, and no secret", () => {
  for (const missing of Object.keys(bucket)) {
    const message = refusal({ ...bucket, [missing]: "" });
    expect(message.startsWith(`${missing} is missing, and S3_`)).toBe(true);
    expect(message).not.toContain("\n");
    expect(message).not.toContain("not-to-be-shown");
  }
  for (const alone of ["S3_REGION", "S3_PREFIX"]) expect(refusal({ [alone]: "x" })).toStartWith("S3_ENDPOINT is missing");
});
