// Refusals as answers: the real HTTP status, and `{ status_code, code, message, details? }`.
import type { ProtocolError, RefusalCode } from "@cychat/protocol";
import type * as v from "valibot";

export interface RefusalBody {
  readonly status_code: number;
  readonly code: RefusalCode;
  readonly message: string;
  readonly details?: unknown;
}

function refusalBody({ status, code, message, details }: ProtocolError): RefusalBody {
  return details === undefined ? { status_code: status, code, message } : { status_code: status, code, message, details };
}

export function refusalResponse(error: ProtocolError, headers: Record<string, string> = {}): Response {
  const authenticate: Record<string, string> = error.status === 401 ? { "www-authenticate": 'Bearer realm="cychat"' } : {};
  const own = { ...authenticate, ...retryAfter(error.details), ...headers };
  return Response.json(refusalBody(error), { status: error.status, headers: { ...own, "cache-control": "no-store" } });
}

/** In whole seconds (RFC 9110 section 10.2.3), for refusals that know it. */
function retryAfter(details: unknown): Record<string, string> {
  const ms = details && typeof details === "object" && "retry_after_ms" in details ? Number(details.retry_after_ms) : Number.NaN;
  return Number.isNaN(ms) ? {} : { "retry-after": String(Math.ceil(ms / 1000)) };
}

const maxIssues = 10;

/** What is wrong where; paths only, because values may be secrets. */
export function issuePaths(issues: readonly v.BaseIssue<unknown>[]): { path: string; wants: string }[] {
  return issues.slice(0, maxIssues).map((issue) => ({
    path: issue.path?.map(({ key }) => String(key)).join(".") ?? "",
    wants: issue.expected ?? issue.type,
  }));
}
