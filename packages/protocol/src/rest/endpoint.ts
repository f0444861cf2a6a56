// One description per REST endpoint: the server validates with it, the SDK calls with it, OpenAPI is generated from it.
import type * as v from "valibot";
import type { RefusalCode } from "../errors.ts";

// biome-ignore lint/suspicious/noExplicitAny: a schema of any output; each endpoint keeps its own exact type
type Schema = v.GenericSchema<any, any>;

export interface EndpointSpec {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api/v1`; parameters as `{name}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** Whether a bearer token is needed. */
  readonly auth: boolean;
  readonly params?: Schema;
  readonly query?: Schema;
  readonly body?: Schema;
  /** `form`: JSON or application/x-www-form-urlencoded; `bytes`: the raw body. Default `json`. */
  readonly bodyType?: "json" | "form" | "bytes";
  /** Of a JSON body; `limits.bodyBytes` unless given. */
  readonly maxBodyBytes?: number;
  /** Absent when the answer is raw bytes. */
  readonly response?: Schema;
  /** The status of success. */
  readonly status: 200 | 201;
  /** Refusals beyond those that every endpoint can give. */
  readonly refusals: readonly RefusalCode[];
}

export function endpoint<const E extends EndpointSpec>(spec: E): E {
  return spec;
}

export const apiBase = "/api/v1";

type InputOf<S> = S extends v.GenericSchema ? v.InferInput<S> : never;
type OutputOf<S> = S extends v.GenericSchema ? v.InferOutput<S> : never;

/** What a caller hands in for one endpoint. */
export type EndpointInput<E extends EndpointSpec> = (E extends { params: infer S } ? { params: InputOf<S> } : unknown) &
  (E extends { query: infer S } ? { query: InputOf<S> } : unknown) &
  (E extends { body: infer S } ? { body: InputOf<S> } : unknown);

/** What the server's handler receives, validated. */
export type EndpointRequest<E extends EndpointSpec> = (E extends { params: infer S } ? { params: OutputOf<S> } : unknown) &
  (E extends { query: infer S } ? { query: OutputOf<S> } : unknown) &
  (E extends { body: infer S } ? { body: OutputOf<S> } : unknown);

/** What the server answers and the caller gets. */
export type EndpointAnswer<E extends EndpointSpec> = E extends { response: infer S } ? OutputOf<S> : Uint8Array<ArrayBuffer>;
