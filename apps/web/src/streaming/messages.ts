// What the service worker and a page say to each other about a file at /stream/<id>. The worker keeps nothing: it asks every
// page anew with each request, so that it may be stopped and started at any time.

export const streamPath = "/stream/";

/** A file as the worker is to answer for it. The type is one of ours (`playedAs`), never the sender's. */
export type Served =
  | { readonly use: "play"; readonly size: number; readonly type: string }
  | { readonly use: "save"; readonly size: number; readonly name: string };

/** To every page, with a port: whose is it? */
export interface StreamQuestion {
  readonly kind: "stream";
  readonly id: string;
}

/** To the worker, with a port: are you one that answers at /stream/? Without a port it only keeps the worker awake. */
export interface WorkerQuestion {
  readonly kind: "streams?";
}

/** Through the port, from the page. `working`: it takes its time, and the page is still there. */
export type FromPage =
  | { readonly kind: "found"; readonly file: Served }
  | { readonly kind: "unknown" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "working" }
  | { readonly kind: "failed" };

/** Through the port, from the worker. `stop`: nobody wants the rest. */
export type FromWorker = { readonly kind: "read"; readonly from: number; readonly to: number } | { readonly kind: "stop" };

/** How often a page that works says so. */
export const workingMs = 10_000;
