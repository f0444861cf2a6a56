import { expect, test } from "bun:test";
import { createClientAddresses } from "./client-address.ts";

const request = (headers: Record<string, string> = {}) => new Request("http://localhost/", { headers });
const addresses = (peer: string, trustProxy: boolean) =>
  createClientAddresses(() => ({ requestIP: () => ({ address: peer, family: "IPv4", port: 1 }) }), trustProxy);

test("what a client claims of its address counts only where a proxy is trusted, and then only the proxy's own word", () => {
  const claimed = request({ "x-forwarded-for": "198.51.100.1, 203.0.113.7" });
  expect(addresses("192.0.2.5", false).infoOf(claimed).ip).toBe("192.0.2.5");
  expect(addresses("127.0.0.1", true).infoOf(claimed).ip).toBe("203.0.113.7");
  expect(addresses("127.0.0.1", true).infoOf(request()).ip).toBe("127.0.0.1");
});

test("local is who comes from this machine, and not by way of a proxy on it", () => {
  for (const peer of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
    expect(addresses(peer, false).isLocal(request())).toBe(true);
  for (const peer of ["192.0.2.5", "::ffff:192.0.2.5", "", "2001:db8::1"])
    expect(addresses(peer, false).isLocal(request())).toBe(false);
  for (const header of ["x-forwarded-for", "forwarded"]) {
    expect(addresses("127.0.0.1", false).isLocal(request({ [header]: "for=203.0.113.7" }))).toBe(false);
  }
});
