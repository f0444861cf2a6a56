import { type BlobId, uploadsPath } from "@cychat/protocol";
import type { Http } from "../transport/http.ts";

/** Takes away what the server has of an upload; what this misses goes after a day. */
export function dropUpload(http: Http, blob: BlobId): void {
  http.send("DELETE", `${uploadsPath}/${blob}`, { headers: { "tus-resumable": "1.0.0" } }).catch(() => {});
}
