// The address a request comes from, for rate limits and for what is open to this machine only.
import type { Server } from "bun";
import type { ClientInfo } from "./route.ts";

export interface ClientAddresses {
  infoOf(request: Request): ClientInfo;
  /** From this very machine, and not by way of a proxy on it. */
  isLocal(request: Request): boolean;
}

const loopback = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

export function createClientAddresses(server: () => Pick<Server<unknown>, "requestIP">, trustProxy: boolean): ClientAddresses {
  const peerOf = (request: Request) => server().requestIP(request)?.address ?? "";
  return {
    infoOf(request) {
      // The last one is what our own proxy saw; those before it are what the client claims.
      const forwarded = trustProxy ? request.headers.get("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
      return { ip: forwarded || peerOf(request) };
    },
    isLocal: (request) =>
      loopback.test(peerOf(request)) && !request.headers.has("x-forwarded-for") && !request.headers.has("forwarded"),
  };
}
