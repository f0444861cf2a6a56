import { expect, test } from "bun:test";
import { appendEntry, createAccountLog, generateIdentity, generateSealKeyPair } from "@cychat/crypto";
import { type AccountId, type EndpointSpec, endpoints, type Signed, signedToJson } from "@cychat/protocol";
import { MemoryStore } from "../store/memory-store.ts";
import type { Http } from "../transport/http.ts";
import { AccountDirectory } from "./account-directory.ts";
import type { VaultKeeper } from "./vault-keeper.ts";

test("before a room is made, everybody's keys are read again many at a time, also where they were known", async () => {
  const server = await serverOf(150);
  const directory = directoryOn(server);
  await directory.freshen(server.accounts);
  expect(server.asked).toEqual([endpoints.accountLogs.path, endpoints.accountLogs.path]);

  // A new connection: what was known may be old.
  directory.stale();
  const [rolled] = server.accounts;
  if (rolled === undefined) throw new Error("nobody there");
  await server.roll(rolled);
  server.asked.length = 0;
  await directory.freshen(server.accounts);
  for (const account of server.accounts) await directory.fresh(account);
  expect(server.asked).toEqual([endpoints.accountLogs.path, endpoints.accountLogs.path]);
  expect((await directory.get(rolled)).newestGeneration).toBe(2);
});

test("a server that shows many logs at once and one of them shorter than before is caught", async () => {
  const server = await serverOf(3);
  const directory = directoryOn(server);
  await directory.freshen(server.accounts);
  directory.stale();
  const [cut] = server.accounts;
  if (cut === undefined) throw new Error("nobody there");
  server.logs.get(cut)?.pop();
  await directory.freshen(server.accounts);
  expect(directory.problem(cut)?.code).toBe("rollback");
  expect((await directory.get(cut)).newestGeneration).toBe(1);
});

interface Server {
  readonly accounts: readonly AccountId[];
  readonly logs: Map<AccountId, Signed[]>;
  /** Paths of the endpoints, in the order of the calls. */
  readonly asked: string[];
  readonly http: Http;
  /** The account gets a second encryption key. */
  roll(account: AccountId): Promise<void>;
}

async function serverOf(count: number): Promise<Server> {
  const rolls = new Map<AccountId, () => Promise<void>>();
  const logs = new Map<AccountId, Signed[]>();
  for (let made = 0; made < count; made++) {
    const account = crypto.randomUUID() as AccountId;
    const [{ identity }, { publicKey }] = await Promise.all([generateIdentity(), generateSealKeyPair()]);
    const first = await createAccountLog(account, identity);
    const second = await appendEntry(first.state, identity, { kind: "encryption", generation: 1, publicKey });
    const log = [first.entry, second.entry];
    logs.set(account, log);
    rolls.set(account, async () => {
      const next = await generateSealKeyPair();
      const body = { kind: "encryption", generation: 2, publicKey: next.publicKey } as const;
      log.push((await appendEntry(second.state, identity, body)).entry);
    });
  }
  const asked: string[] = [];
  const jsonOf = (account: AccountId, after = -1) => ({
    account,
    log: (logs.get(account) ?? []).slice(after + 1).map(signedToJson),
  });
  const call = async (
    endpoint: EndpointSpec,
    input: { params?: { account: AccountId }; query?: { after?: string }; body?: unknown },
  ) => {
    asked.push(endpoint.path);
    if (endpoint === endpoints.accountLog && input.params !== undefined)
      return jsonOf(input.params.account, Number(input.query?.after ?? -1));
    return { accounts: (input.body as { accounts: AccountId[] }).accounts.map((account) => jsonOf(account)) };
  };
  const roll = async (account: AccountId) => rolls.get(account)?.();
  return { accounts: [...logs.keys()], logs, asked, http: { call } as unknown as Http, roll };
}

function directoryOn({ http }: Server): AccountDirectory {
  const vault = { contents: { pins: new Map() } } as unknown as VaultKeeper;
  return new AccountDirectory({
    http,
    vault,
    store: new MemoryStore(),
    now: () => 0,
    isClose: () => false,
    onChanged: () => {},
    pause: async () => {},
  });
}
