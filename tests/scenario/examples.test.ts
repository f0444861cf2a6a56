// The examples run as their first lines say.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { password, World } from "./world.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "cychat-examples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function startBot(url: string) {
  return Bun.spawn([process.execPath, "examples/echo-bot.ts", url, "bot@example.org", password], {
    cwd: root,
    env: { ...process.env, BOT_STORE: join(folder, "bot.db") },
    stdout: "pipe",
    stderr: "inherit",
  });
}

async function listening(bot: ReturnType<typeof startBot>): Promise<void> {
  for await (const chunk of bot.stdout) if (new TextDecoder().decode(chunk).includes("listening")) return;
  throw new Error("the bot ended");
}

test("the echo bot registers, accepts a request, answers each message, and goes on after a restart", async () => {
  await using world = await World.start();
  const alice = await world.person("alice");
  let bot = startBot(world.server.url);
  await listening(bot);
  const contact = await alice.client.addContact({ email: "bot@example.org" });
  const { id } = await alice.client.openDirect(contact.id);
  await alice.client.sendText(id, "one");
  await alice.client.sendText(id, "two");
  expect((await alice.texts(id, 4)).toSorted()).toEqual(["You said: one", "You said: two", "one", "two"]);
  bot.kill();
  await bot.exited;
  await alice.client.sendText(id, "three");
  bot = startBot(world.server.url);
  expect((await alice.texts(id, 6)).at(-1)).toBe("You said: three");
  bot.kill();
  await bot.exited;
}, 30_000);

test("a message sealed by the example is taken from curl, and read by its receiver", async () => {
  await using world = await World.start();
  const bob = await world.person("bob");
  const url = `${world.server.url}/api/v1/auth/register`;
  const body = JSON.stringify({ nickname: "script", email: "script@example.org", password });
  await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } });
  const sealing = Bun.spawn(
    [process.execPath, "examples/seal-message.ts", world.server.url, "script@example.org", password, bob.email, "Hello Bob"],
    {
      cwd: root,
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const printed = await new Response(sealing.stdout).text();
  expect(await sealing.exited).toBe(0);
  const { TOKEN, ENVELOPE } = Object.fromEntries(
    printed
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
  const answer = await fetch(`${world.server.url}/api/v1/message`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ receiver: bob.email, content: ENVELOPE }),
  });
  expect(answer.status).toBe(201);
  const [request] = await bob.until("got a request", async () => {
    const requests = (await bob.client.conversations()).filter((conversation) => conversation.lastMessage !== null);
    return requests.length > 0 && requests;
  });
  expect(request?.lastMessage?.text).toBe("Hello Bob");
  expect(bob.ring()).toEqual([]);
}, 30_000);
