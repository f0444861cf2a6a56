// Files: uploading them, reading them, and how much room there is. The server sees ciphertext and its length.
import { type AccountId, type BlobId, type EndpointAnswer, type endpoints, ProtocolError } from "@cychat/protocol";
import type { Chats } from "../chats/service.ts";
import type { Core } from "../core.ts";
import { startCollector } from "./collector.ts";
import type { StoredFile } from "./file-answer.ts";
import { createUploadLimit } from "./limits.ts";
import { blobOf, insertBlob, usedBytes } from "./store.ts";
import { type AnswerUpload, createTus } from "./tus.ts";
import { TusStore } from "./tus-store.ts";

export { BlobFiles, type WriteChunk } from "./blob-files.ts";

export interface FilesDeps {
  readonly core: Core;
  readonly chats: Chats;
  readonly now: () => number;
}

export interface FileService {
  readonly answerUpload: AnswerUpload;
  quota(account: AccountId): Promise<EndpointAnswer<typeof endpoints.fileQuota>>;
  /** Throws `not-found` unless the account uploaded it, or may read the entry that refers to it. */
  read(account: AccountId, blob: BlobId): Promise<StoredFile>;
  /** Deletes what nobody wants any more, as it does every hour; how many files that were. */
  collect(): Promise<number>;
  stop(): Promise<void>;
}

export function createFiles({ core, chats, now }: FilesDeps): FileService {
  const { db, blobFiles, config, log } = core;
  const { maxUploadBytes, userQuotaBytes, uploadsQuotaBytes } = config;
  const limit = createUploadLimit(config.rateLimitScale, now);
  const collector = startCollector({ db, blobFiles, log, now });

  const answerUpload = createTus({
    store: new TusStore({ db, blobFiles, now }),

    async begin(account, id, bytes, conversation) {
      limit.take(account);
      if (bytes > maxUploadBytes) throw new ProtocolError("file-too-large");
      await chats.writer(account, conversation);
      const quotas = { userBytes: userQuotaBytes, serverBytes: uploadsQuotaBytes };
      await insertBlob(db, { id, account, conversation, bytes, nowMs: now() }, quotas);
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
      const size = await blobFiles.size(id);
      if (size === null) throw new ProtocolError("not-found");
      return { path: blobFiles.path(id), size };
    },

    collect: () => collector.run(),
    stop: () => collector.stop(),
  };
}
