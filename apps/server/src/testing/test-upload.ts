// Uploads as a client makes them: tus by hand, so that each header can be wrong.
import { apiBase, type BlobId, type ConversationId, uploadsPath } from "@cychat/protocol";
import type { TestAccount } from "./test-account.ts";

export type Headers = Record<string, string>;

export const uploadsUrl = ({ server }: TestAccount, id = "") => `${server.url}${apiBase}${uploadsPath}${id && `/${id}`}`;

export function tus(
  account: TestAccount,
  method: string,
  id = "",
  headers: Headers = {},
  body?: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const own = { authorization: `Bearer ${account.token}`, "tus-resumable": "1.0.0", ...headers };
  return fetch(uploadsUrl(account, id), { method, headers: own, ...(body ? { body } : {}) });
}

export const metadataOf = (conversation: string) => `conversation ${btoa(conversation)}`;

export function creating(account: TestAccount, conversation: string, bytes: number, headers: Headers = {}): Promise<Response> {
  return tus(account, "POST", "", { "upload-length": String(bytes), "upload-metadata": metadataOf(conversation), ...headers });
}

export async function createUpload(account: TestAccount, conversation: ConversationId, bytes: number): Promise<BlobId> {
  const response = await creating(account, conversation, bytes);
  if (response.status !== 201) throw new Error(`creating an upload: ${response.status} ${await response.text()}`);
  return response.headers.get("location")?.split("/").at(-1) as BlobId;
}

export function patch(account: TestAccount, id: BlobId, offset: number, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  const headers = { "upload-offset": String(offset), "content-type": "application/offset+octet-stream" };
  return tus(account, "PATCH", id, headers, body);
}

export async function offsetOf(account: TestAccount, id: BlobId): Promise<number | null> {
  const offset = (await tus(account, "HEAD", id)).headers.get("upload-offset");
  return offset === null ? null : Number(offset);
}

/** A whole one. */
export async function upload(
  account: TestAccount,
  { id }: { id: ConversationId },
  bytes: Uint8Array<ArrayBuffer>,
): Promise<BlobId> {
  const blob = await createUpload(account, id, bytes.length);
  const response = await patch(account, blob, 0, bytes);
  if (response.status !== 204) throw new Error(`uploading: ${response.status} ${await response.text()}`);
  return blob;
}

export function download(account: TestAccount, id: string, headers: Headers = {}): Promise<Response> {
  const own = { authorization: `Bearer ${account.token}`, ...headers };
  return fetch(`${account.server.url}${apiBase}/files/${id}`, { headers: own });
}

/** Its status and code. */
export async function refusalOf(response: Response | Promise<Response>): Promise<[number, string]> {
  const answer = await response;
  const { code } = (await answer.json()) as { code: string };
  return [answer.status, code];
}

/** The same bytes for the same seed. */
export function seededBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
