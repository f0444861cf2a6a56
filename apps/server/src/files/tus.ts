// Uploads by tus 1.0.0. The library speaks the protocol; who may do what is decided here, and refusals are ours.
import { randomBytes } from "node:crypto";
import { type AccountId, apiBase, BlobId, ConversationId, ProtocolError, toBase64url, uploadsPath } from "@cychat/protocol";
import { Server, type Upload } from "@tus/server";
import * as v from "valibot";
import type { Principal } from "../http/principal.ts";
import { refusalResponse } from "../http/refusal.ts";
import type { TusStore } from "./tus-store.ts";
import { UploadLocks } from "./upload-locks.ts";

export interface TusDeps {
  readonly store: TusStore;
  /** Throws what an upload is refused with, before a byte of it is stored. */
  readonly begin: (account: AccountId, blob: BlobId, bytes: number, conversation: ConversationId) => Promise<void>;
  /** Throws `not-found` for uploads of others as for those that do not exist. */
  readonly assertOwn: (account: AccountId, blob: BlobId) => Promise<void>;
}

export type AnswerUpload = (request: Request, principal: Principal) => Promise<Response>;

const version = "1.0.0";
/** How long a request may go on once another wants the same upload. */
const releaseWithinMs = 1000;
const methods = ["POST", "HEAD", "PATCH", "DELETE", "OPTIONS"];

/** What the library's hooks share about one request. */
interface Call {
  readonly account: AccountId;
  failure: unknown;
}

export function createTus({ store, begin, assertOwn }: TusDeps): AnswerUpload {
  const calls = new WeakMap<Request, Call>();
  const accountOf = (request: Request): AccountId => {
    const call = calls.get(request);
    if (!call) throw new Error("a request that was not authenticated");
    return call.account;
  };

  const server = new Server({
    path: apiBase + uploadsPath,
    datastore: store,
    locker: new UploadLocks(),
    lockDrainTimeout: releaseWithinMs,
    // A proxy may have changed scheme and host.
    relativeLocation: true,
    namingFunction: () => toBase64url(randomBytes(32)),
    getFileIdFromRequest: (_request, last) => (v.is(BlobId, last) ? last : undefined),
    async onIncomingRequest(request, id) {
      if (request.method !== "POST") await assertOwn(accountOf(request), id as BlobId);
    },
    async onUploadCreate(request, upload) {
      await begin(accountOf(request), upload.id as BlobId, upload.size ?? 0, conversationOf(upload));
      return {};
    },
    onResponseError(request, error) {
      const call = calls.get(request);
      if (call) call.failure = error;
      return undefined;
    },
  });

  return async (request, { account }) => {
    const { method } = request;
    if (!methods.includes(method)) return refused(new ProtocolError("method-not-allowed"), { allow: methods.join(", ") });
    if (method !== "OPTIONS" && request.headers.get("tus-resumable") !== version)
      return new Response(null, { status: 412, headers: { "tus-version": version, "cache-control": "no-store" } });
    const call: Call = { account, failure: null };
    calls.set(request, call);
    const response = await server.handleWeb(request);
    if (call.failure !== null || response.status >= 400) return refused(refusalOf(call.failure ?? response.status, method));
    // Who may read it is said in one place for all answers (http/origins.ts).
    for (const name of [...response.headers.keys()]) if (name.startsWith("access-control-")) response.headers.delete(name);
    response.headers.set("cache-control", "no-store");
    return response;
  };
}

function refused(error: ProtocolError, headers: Record<string, string> = {}): Response {
  return refusalResponse(error, { "tus-resumable": version, ...headers });
}

/** Throws what is neither a refusal nor an answer of the library's: that is a bug. */
function refusalOf(failure: unknown, method: string): ProtocolError {
  if (failure instanceof ProtocolError) return failure;
  switch (statusOf(failure)) {
    case 400:
    case 403:
    case 501:
      return new ProtocolError("malformed-request", "This is no request that the tus protocol knows, or one without a length.");
    case 404:
    case 410:
      return new ProtocolError("not-found");
    case 409:
      return new ProtocolError("version-conflict", "The upload stands elsewhere. Ask where, and go on from there.");
    case 413:
      return new ProtocolError(method === "POST" ? "file-too-large" : "too-large");
    default:
      throw failure;
  }
}

function statusOf(failure: unknown): number | null {
  if (typeof failure === "number") return failure;
  return typeof failure === "object" && failure !== null && "status_code" in failure ? Number(failure.status_code) : null;
}

/** Throws `malformed-request` without one, `not-found` for what cannot be one. */
function conversationOf({ metadata }: Upload): ConversationId {
  const given = metadata?.conversation;
  if (typeof given !== "string") throw new ProtocolError("malformed-request", "Upload-Metadata has to name a conversation.");
  const result = v.safeParse(ConversationId, given);
  if (!result.success) throw new ProtocolError("not-found");
  return result.output;
}
