import * as v from "valibot";
import { BlobId } from "../ids.ts";
import { endpoint } from "./endpoint.ts";
import { Count } from "./fields.ts";

/**
 * Where files are uploaded, by tus 1.0.0 (creation, termination) and with a bearer token. Creating one needs
 * `Upload-Length` and `Upload-Metadata: conversation <base64 of its id>`; the last part of the `Location` is the blob's id.
 */
export const uploadsPath = "/uploads";

export const fileEndpoints = {
  fileQuota: endpoint({
    method: "GET",
    path: "/files/quota",
    tag: "files",
    summary: "How large a file may be, and how much room there is for yours",
    auth: true,
    response: v.object({
      max_upload_bytes: Count,
      /** Of all your files together; null: as much as there is. */
      quota_bytes: v.nullable(Count),
      used_bytes: Count,
    }),
    status: 200,
    refusals: [],
  }),
  file: endpoint({
    method: "GET",
    path: "/files/{id}",
    tag: "files",
    summary: "An uploaded file's ciphertext, for those who may read a message that refers to it; byte ranges as RFC 9110",
    auth: true,
    params: v.object({ id: BlobId }),
    status: 200,
    refusals: ["not-found"],
  }),
} as const;
