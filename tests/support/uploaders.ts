// People who upload by tus, by hand: to a server that is a process of its own, and that may die.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestAccount } from "../../apps/server/src/testing/test-account.ts";
import type { TestChat } from "../../apps/server/src/testing/test-chat.ts";
import { startTestServer } from "../../apps/server/src/testing/test-server.ts";
import { ServerProcess, type ServerProcessOptions } from "./server-process.ts";

export interface Uploaders extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly alice: TestAccount;
  readonly bob: TestAccount;
  readonly chat: TestChat;
  readonly uploadDir: string;
}

/** Two people with a chat, and the server as its own process on their data. */
export async function startUploaders({ env, ...options }: ServerProcessOptions = {}): Promise<Uploaders> {
  const folder = await mkdtemp(join(tmpdir(), "cychat-uploaders-"));
  const preparing = await startTestServer({ folder });
  const [alice, bob] = [await preparing.account("alice"), await preparing.account("bob")];
  const chat = await alice.startChat(bob);
  await preparing.stop();
  const uploadDir = env?.UPLOAD_DIR ?? join(folder, "uploads");
  const settings = { DATA_DIR: folder, UPLOAD_DIR: uploadDir, RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0", ...env };
  const server = await ServerProcess.start({ ...options, env: settings });
  for (const account of [alice, bob]) Object.assign(account, { server });
  return {
    server,
    alice,
    bob,
    chat,
    uploadDir,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
