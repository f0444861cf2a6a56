// Every setting, validated at start: a wrong one stops the server with one line that names it. Bun has read `.env` already.
import { resolve } from "node:path";
import * as v from "valibot";
import { loadJwtSecret } from "./jwt-secret.ts";

/** A bucket of a service that speaks S3. */
export interface S3Settings {
  /** `http(s)://host[:port]`; the bucket is the first part of the path after it. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  /** Signs requests; never leaves the process. */
  readonly secretAccessKey: string;
  /** What every key begins with: empty, or with a slash at the end. */
  readonly prefix: string;
}

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Where people reach this server, without a slash at the end; null: wherever they ask. */
  readonly publicUrl: string | null;
  readonly dataDir: string;
  readonly uploadDir: string;
  /** Where files lie in place of `uploadDir`; null: nowhere else. */
  readonly s3: S3Settings | null;
  /** Of one file, as it is uploaded: encrypted and padded. */
  readonly maxUploadBytes: number;
  /** Of all files of one account, unfinished uploads included; null: as much as there is. */
  readonly userQuotaBytes: number | null;
  /** Of all files together; null: as much as there is. */
  readonly uploadsQuotaBytes: number | null;
  /** Signs access tokens; never leaves the process. */
  readonly jwtSecret: string;
  /** `/docs`, and `debug` lines in the log. */
  readonly isDebug: boolean;
  /** Origins other than our own that may call. */
  readonly corsOrigins: readonly string[];
  readonly registration: "open" | "invite" | "closed";
  /** Messages older than this are erased; null keeps them. */
  readonly messageRetentionDays: number | null;
  /** Opens `/metrics` to whoever carries it; null: to this machine only. */
  readonly metricsToken: string | null;
  /** Whether the last `X-Forwarded-For` address is the client's: with a reverse proxy in front, and only then. */
  readonly trustProxy: boolean;
  /** Messages that one account may send a second, over a minute; ten seconds' worth at once. 0: as many as it likes. */
  readonly messagesPerSecond: number;
  /** How many times as wide as usual the limits on log-in, registration and look-ups are. 0: there are none. */
  readonly rateLimitScale: number;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings, and makes the signing secret at the first start. Throws {@link ConfigError} with one line. */
export function loadConfig(environment: Environment): Config {
  const settings = readSettings(environment);
  const dataDir = resolve(settings.DATA_DIR);
  return {
    host: settings.HOST,
    port: settings.PORT,
    publicUrl: settings.PUBLIC_URL,
    dataDir,
    uploadDir: resolve(settings.UPLOAD_DIR),
    s3: s3Settings(settings),
    maxUploadBytes: settings.MAX_UPLOAD_MB,
    userQuotaBytes: settings.USER_QUOTA_MB,
    uploadsQuotaBytes: settings.UPLOADS_QUOTA_MB,
    jwtSecret: settings.JWT_SECRET_KEY ?? loadJwtSecret(dataDir),
    isDebug: settings.DEBUG === "info",
    corsOrigins: settings.CORS_ORIGINS,
    registration: settings.REGISTRATION,
    messageRetentionDays: settings.MESSAGE_RETENTION_DAYS,
    metricsToken: settings.METRICS_TOKEN,
    trustProxy: settings.TRUST_PROXY,
    messagesPerSecond: settings.MESSAGES_PER_SECOND,
    rateLimitScale: settings.RATE_LIMIT_SCALE,
  };
}

const minSecretChars = 32;
const placeholder = /change.?(?:this|me|it)|placeholder|example|(?:your|secret).?(?:secret|key)|^(.)\1+$/i;

const wholeNumber = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, "wants a whole number"),
    v.transform(Number),
    v.minValue(min, `is below ${min}`),
    v.maxValue(max, `is above ${max}`),
  );

/** Whole megabytes, as bytes; up to a petabyte. */
const megabytes = v.pipe(
  wholeNumber(1, 1_000_000_000),
  v.transform((count) => count * 1024 * 1024),
);

/** `http(s)://host[:port]`, and nothing after it. */
const Origin = v.pipe(
  v.string(),
  v.check(isOrigin, "wants addresses like https://chat.example.org"),
  v.transform((text) => new URL(text).origin),
);

const s3Required = ["S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"] as const;
const s3Optional = ["S3_REGION", "S3_PREFIX"] as const;

const otherDatabases = ["sqlserver", "mssql", "mysql", "mariadb", "postgres", "postgresql"];

const settingsSchema = v.object({
  DB_TYPE: v.optional(
    v.pipe(
      v.string(),
      v.check((type) => !otherDatabases.includes(type), "is not there yet: this version works with sqlite"),
      v.literal("sqlite", "wants: sqlite"),
    ),
    "sqlite",
  ),
  JWT_SECRET_KEY: v.optional(
    v.nullable(
      v.pipe(
        v.string(),
        v.minLength(
          minSecretChars,
          `is shorter than ${minSecretChars} characters (leave it out: the server makes one and keeps it)`,
        ),
        v.check((secret) => !placeholder.test(secret), "is a placeholder (leave it out: the server makes one and keeps it)"),
      ),
    ),
    null,
  ),
  DEBUG: v.optional(v.picklist(["", "info"], "wants: info, or nothing for production"), "info"),
  CORS_ORIGINS: v.optional(v.pipe(v.string(), v.transform(splitList), v.array(Origin)), ""),
  HOST: v.optional(v.pipe(v.string(), v.regex(/^[\w.:-]+$/, "wants an address or a host name")), "0.0.0.0"),
  PORT: v.optional(wholeNumber(0, 65_535), "8000"),
  PUBLIC_URL: v.optional(v.nullable(Origin), null),
  DATA_DIR: v.optional(v.string(), "./data"),
  UPLOAD_DIR: v.optional(v.string(), "./uploads"),
  S3_ENDPOINT: v.optional(v.nullable(Origin), null),
  S3_REGION: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[\w-]+$/, "wants a name like eu-central-1"))), null),
  S3_BUCKET: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[\w.-]{3,255}$/, "wants the name of a bucket"))), null),
  S3_ACCESS_KEY_ID: v.optional(v.nullable(v.string()), null),
  S3_SECRET_ACCESS_KEY: v.optional(v.nullable(v.string()), null),
  S3_PREFIX: v.optional(
    v.nullable(
      v.pipe(v.string(), v.regex(/^[\w.-]+(?:\/[\w.-]+)*\/?$/, "wants names with slashes between them, like chat/files")),
    ),
    null,
  ),
  MAX_UPLOAD_MB: v.optional(megabytes, "2048"),
  USER_QUOTA_MB: v.optional(v.nullable(megabytes), null),
  UPLOADS_QUOTA_MB: v.optional(v.nullable(megabytes), null),
  REGISTRATION: v.optional(v.picklist(["open", "invite", "closed"], "wants: open, invite or closed"), "open"),
  MESSAGE_RETENTION_DAYS: v.optional(v.nullable(wholeNumber(1, 36_500)), null),
  METRICS_TOKEN: v.optional(v.nullable(v.pipe(v.string(), v.minLength(16, "is shorter than 16 characters"))), null),
  TRUST_PROXY: v.optional(
    v.pipe(
      v.picklist(["true", "false", "1", "0"], "wants: true or false"),
      v.transform((text) => text === "true" || text === "1"),
    ),
    "false",
  ),
  MESSAGES_PER_SECOND: v.optional(wholeNumber(0, 1_000_000), "50"),
  RATE_LIMIT_SCALE: v.optional(wholeNumber(0, 1000), "1"),
});

type Settings = v.InferOutput<typeof settingsSchema>;

/** All or nothing: half a bucket would be files in a place where nobody looks for them. */
function s3Settings(settings: Settings): S3Settings | null {
  const given = [...s3Required, ...s3Optional].find((name) => settings[name] !== null);
  if (given === undefined) return null;
  const [endpoint, bucket, accessKeyId, secretAccessKey] = s3Required.map((name) => {
    const value = settings[name];
    if (value === null) throw new ConfigError(`${name} is missing, and ${given} is set: files lie in a bucket, or not.`);
    return value;
  }) as [string, string, string, string];
  const prefix = settings.S3_PREFIX === null ? "" : settings.S3_PREFIX.replace(/\/?$/, "/");
  return { endpoint, region: settings.S3_REGION ?? "us-east-1", bucket, accessKeyId, secretAccessKey, prefix };
}

function readSettings(environment: Environment): Settings {
  // An empty variable is one that is not set; only DEBUG's emptiness says something.
  const given = Object.entries(environment).filter(
    ([name, value]) => value !== undefined && (value.trim() !== "" || name === "DEBUG"),
  );
  const result = v.safeParse(settingsSchema, Object.fromEntries(given.map(([name, value]) => [name, value?.trim()])));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ConfigError(`${issue.path?.[0].key ?? "The settings"} ${issue.message}.`);
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
}
