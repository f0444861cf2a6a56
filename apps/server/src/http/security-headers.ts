// The policies that browsers enforce for us. The one place to change them.

/** The one Trusted Types policy that the web app may make: it lets through scripts of our own origin, for workers. */
const trustedTypes = "cychat-worker";

/** For pages. `host` is where the browser asks, as `Host` says it: some browsers do not count sockets as `'self'`. */
function contentSecurityPolicy(host: string): string {
  const sockets = /^[\w.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : "";
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "font-src 'self'",
    `connect-src 'self'${sockets}`,
    "worker-src 'self'",
    // The pages that draw a file, which have a policy of their own (web/preview-policy.ts); and large files that are saved
    // through a frame, which the service worker answers.
    "frame-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    `trusted-types ${trustedTypes}`,
  ].join("; ");
}

const everywhere: readonly (readonly [string, string])[] = [
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-resource-policy", "same-origin"],
  ["x-frame-options", "DENY"],
  // Voice messages are recorded; nothing else is asked for.
  [
    "permissions-policy",
    "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(self), payment=(), usb=(), browsing-topics=()",
  ],
];

/** What is no page has nothing to load. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'";

export interface SecurityHeaders {
  /** Adds them to an answer; `host` for a page, nothing for data. */
  add(response: Response, host?: string): Response;
}

export function createSecurityHeaders(publicUrl: string | null): SecurityHeaders {
  const strictTransport = publicUrl?.startsWith("https:") ? "max-age=31536000; includeSubDomains" : null;
  return {
    add(response, host) {
      const { headers } = response;
      for (const [name, value] of everywhere) headers.set(name, value);
      const own = headers.get("content-security-policy");
      if (own === null) headers.set("content-security-policy", host === undefined ? dataPolicy : contentSecurityPolicy(host));
      // Both say who may frame it; they must not contradict each other.
      else if (own.includes("frame-ancestors 'self'")) headers.set("x-frame-options", "SAMEORIGIN");
      if (strictTransport !== null) headers.set("strict-transport-security", strictTransport);
      return response;
    },
  };
}
