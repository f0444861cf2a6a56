// One file's way to the server, by tus 1.0.0: from where the server stands to the end, or until it is stopped.
import { BlobId, type ConversationId, uploadsPath } from "@cychat/protocol";
import { type DetailedError, Upload } from "tus-js-client";
import { checked } from "../checked.ts";
import { ClientError, toClientError } from "../client-error.ts";
import type { Http } from "../transport/http.ts";
import { refusalOf } from "../transport/http.ts";
import { dropUpload } from "./drop-upload.ts";
import type { ReadBlob } from "./growing-file.ts";
import { tusReader, tusStack } from "./tus-transport.ts";

export interface UploadRunOptions {
  readonly http: Http;
  readonly conversation: ConversationId;
  /** Of the blob, in bytes. */
  readonly size: number;
  /** May wait for bytes that are not there yet. */
  readonly read: ReadBlob;
  /** An upload that was begun before; null: a new one. */
  readonly blob: BlobId | null;
  onBlob(blob: BlobId): void;
  /** Bytes that the server has. */
  onProgress(bytes: number): void;
}

/** One request's body: proxies must let it through (docs/operations.md). */
const pieceBytes = 4 * 1024 * 1024;

export class UploadRun {
  /** Rejects with the server's refusal, offline, what `read` throws, and `closed` after `stop`. */
  readonly done: Promise<BlobId>;
  readonly #stopped = Promise.withResolvers<never>();
  #upload: Upload | null = null;
  #blob: BlobId | null;
  #isDiscarded = false;

  constructor(readonly options: UploadRunOptions) {
    this.#blob = options.blob;
    this.#stopped.promise.catch(() => {});
    this.done = Promise.race([this.#run(), this.#stopped.promise]);
    this.done.catch(() => {});
  }

  stop(): void {
    this.#stopped.reject(new ClientError("closed"));
    void this.#upload?.abort();
  }

  /** Stops, and takes away what the server has of it: at once, or when it has said what that is. */
  discard(): void {
    this.#isDiscarded = true;
    if (this.#blob === null) this.#stopped.reject(new ClientError("closed"));
    else {
      this.stop();
      dropUpload(this.options.http, this.#blob);
    }
  }

  async #run(): Promise<BlobId> {
    const { http, size, read, blob, conversation, onBlob, onProgress } = this.options;
    if (this.#isDiscarded) throw new ClientError("closed");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const upload: Upload = new Upload(new Blob(), {
      endpoint: http.base + uploadsPath,
      uploadUrl: blob === null ? null : `${http.base}${uploadsPath}/${blob}`,
      uploadSize: size,
      metadata: { conversation },
      chunkSize: pieceBytes,
      retryDelays: null,
      storeFingerprintForResuming: false,
      fileReader: tusReader(size, read),
      httpStack: tusStack(http),
      onUploadUrlAvailable: () => {
        try {
          this.#blob = blobOf(upload.url);
          if (this.#isDiscarded) this.discard();
          else onBlob(this.#blob);
        } catch (error) {
          reject(error);
        }
      },
      onChunkComplete: (_, bytes) => onProgress(bytes),
      onSuccess: () => resolve(),
      onError: (error) => reject(causeOf(error)),
    });
    this.#upload = upload;
    upload.start();
    await promise;
    return blobOf(upload.url);
  }
}

function blobOf(url: string | null): BlobId {
  const id = checked(BlobId, url?.split("/").at(-1));
  if (id === undefined) throw new ClientError("unexpected-answer");
  return id;
}

/** The server's refusal, or why it could not be reached. */
function causeOf(error: Error | DetailedError): ClientError {
  const { originalResponse, causingError } = error as Partial<DetailedError>;
  if (originalResponse != null) {
    const { status, bytes } = originalResponse.getUnderlyingObject() as { status: number; bytes: Uint8Array };
    return refusalOf(status, bytes);
  }
  return toClientError(causingError ?? error);
}
