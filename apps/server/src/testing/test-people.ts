// Several accounts on one server, by name.
import type { TestAccount } from "./test-account.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "./test-server.ts";

const names = ["alice", "bob", "carol", "dave", "erin", "frank"] as const;

export type People = Record<(typeof names)[number], TestAccount>;

export async function startWithPeople(
  options?: TestServerOptions,
): Promise<{ readonly server: TestServer; readonly people: People }> {
  const server = await startTestServer(options);
  const accounts = await Promise.all(names.map(async (name) => [name, await server.account(name)] as const));
  return { server, people: Object.fromEntries(accounts) as People };
}
