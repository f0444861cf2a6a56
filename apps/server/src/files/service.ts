// Files: uploading them, reading them, and how much room there is. The server sees ciphertext and its length.
import { type AccountId, type BlobId, type EndpointAnswer, type endpoints, ProtocolError } from "@cychat/protocol";
import { WorkGate } from "../auth/service.ts";
import type { Chats } from "../chats/service.ts";
import type { Core } from "../core.ts";
import type { StoredBlob } from "./blob-store.ts";
import { startCollector } from "./collector.ts";
import { createUploadLimit, maxUnnamedBytes } from "./limits.ts";
import { blobOf, insertBlob, usedBytes } from "./store.ts";
import { type AnswerUpload, createTus } from "./tus.ts";
import { TusStore } from "./tus-store.ts";

export type { BlobStore } from "./blob-store.ts";
export { openBlobStore } from "./open-blob-store.ts";
export type { WriteChunk } from "./write-chunk.ts";

export interface FilesDeps {
  readonly core: Core;
  readonly chats: Chats;
  readonly now: () => number;
}

export interface FileService {
  readonly answerUpload: AnswerUpload;
  quota(account: AccountId): Promise<EndpointAnswer<typeof endpoints.fileQuota>>;
  /** Throws `not-found` unless the account uploaded it, or may read the entry that refers to it. */
  read(account: AccountId, blob: BlobId): Promise<StoredBlob>;
  /** Deletes what nobody wants any more, as it does every hour; how many files that were. */
  collect(): Promise<number>;
  stop(): Promise<void>;
}

export function createFiles({ core, chats, now }: FilesDeps): FileService {
  const { db, blobs, config, log } = core;
  const { maxUploadBytes, userQuotaBytes, uploadsQuotaBytes } = config;
  const limit = createUploadLimit(config.rateLimitScale, now);
  const quotas = { userBytes: userQuotaBytes, serverBytes: uploadsQuotaBytes, unnamedBytes: maxUnnamedBytes(config) };
  const collector = startCollector({ db, blobs, log, now, steadyNow: () => performance.now() });

  // Messages are committed on the same connection: they wait for one row of an upload, and not for fifty.
  const rows = new WorkGate({ maxRunning: 1, maxWaiting: 10_000 });
  const answerUpload = createTus({
    store: new TusStore({ db, blobs, now, rows }),

    async begin(account, id, bytes, conversation) {
      limit.take(account);
      if (bytes > maxUploadBytes) throw new ProtocolError("file-too-large");
      await rows.run(async () => {
        await chats.writer(account, conversation);
        await insertBlob(db, { id, account, conversation, bytes, nowMs: now() }, quotas);
      });
    },

    async assertOwn(account, id) {
      if ((await blobOf(db, id))?.account !== account) throw new ProtocolError("not-found");
    },
  });

  return {
    answerUpload,

    async quota(account) {
      const used_bytes = await usedBytes(db, account);
      return { max_upload_bytes: maxUploadBytes, quota_bytes: userQuotaBytes, used_bytes };
    },

    async read(account, id) {
      const row = await blobOf(db, id);
      if (row?.is_whole !== 1) throw new ProtocolError("not-found");
      if (row.account !== account && !(await chats.mayReadBlob(account, id))) throw new ProtocolError("not-found");
      const stored = await blobs.open(id);
      if (stored === null) throw new ProtocolError("not-found");
      return stored;
    },

    collect: () => collector.run(),
    stop: () => collector.stop(),
  };
}
