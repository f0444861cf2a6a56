// Files that are larger than what a tab may take of memory, and uploads that outlive the tab they began in.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { growthDuring } from "../browser/resident-memory.ts";
import { ServerProcess } from "../support/server-process.ts";
import { account, Person } from "./person.ts";

const megabytes = 1_000_000;
/** What may be in memory of a file on its way, whatever its size: of the server, and of two tabs with their workers. */
const serverMayGrowBytes = 64 * megabytes;
const tabsMayGrowBytes = 300 * megabytes;

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Person;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cychat-large-"));
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"), undefined, { record: false });
  bob = await Person.open(browser, server.port, account("Bob"), { width: 390, height: 844 }, { record: false });
  await alice.register();
  await bob.register();
  await alice.addContact(bob.account.email);
  await bob.addContact(alice.account.email);
  await alice.send("hello");
  await bob.sees("hello");
});

afterAll(async () => {
  await alice?.[Symbol.asyncDispose]();
  await bob?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true });
});

/** A file on the disk with something else at every place, and the same every time. */
async function binary(name: string, bytes: number, seed: number): Promise<{ path: string; hash: string }> {
  const path = join(folder, name);
  const block = new Uint32Array(262_144);
  const file = await open(path, "w");
  const hash = createHash("sha256");
  let state = seed;
  for (let left = bytes; left > 0; left -= block.byteLength) {
    for (let at = 0; at < block.length; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      block[at] = state;
    }
    const piece = new Uint8Array(block.buffer, 0, Math.min(left, block.byteLength));
    hash.update(piece);
    await file.write(piece);
  }
  await file.close();
  return { path, hash: hash.digest("hex") };
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

async function sendFrom(page: Page, path: string, caption: string): Promise<void> {
  await page.getByTestId("attach-input").setInputFiles(path);
  await page.getByTestId("tray-file").waitFor();
  await page.getByTestId("composer").fill(caption);
  await page.getByTestId("composer").press("Enter");
}

const settled = (row: ReturnType<Person["message"]>) =>
  row.and(row.page().locator(":is([data-state=sent],[data-state=delivered],[data-state=read])")).waitFor({ timeout: 120_000 });

async function downloadedHash(person: Person, caption: string): Promise<string> {
  const press = person.message(caption).getByTestId("download");
  await press.waitFor();
  const [download] = await Promise.all([person.page.waitForEvent("download", { timeout: 120_000 }), press.click()]);
  return hashOf(await download.path());
}

test("a binary of 300 MB arrives byte for byte, and is never in memory as a whole: not in a tab, not in the server", async () => {
  const [small, large] = [await binary("small.bin", 80 * megabytes, 1), await binary("large.bin", 300 * megabytes, 2)];
  // Once before it counts: code that is compiled and buffers that stay are not what a larger file costs.
  await sendFrom(alice.page, small.path, "80 MB");
  await settled(alice.message("80 MB"));
  expect(await downloadedHash(bob, "80 MB")).toBe(small.hash);
  const up = await growthDuring(browser, server.pid, async () => {
    await sendFrom(alice.page, large.path, "300 MB");
    await settled(alice.message("300 MB"));
  });
  const down = await growthDuring(browser, server.pid, async () => {
    expect(await downloadedHash(bob, "300 MB")).toBe(large.hash);
  });
  for (const grown of [up, down]) {
    expect(grown.renderers).toBeLessThan(tabsMayGrowBytes);
    expect(grown.other).toBeLessThan(serverMayGrowBytes);
  }
});

test("an upload whose tab is closed goes on where it was when the app is opened again", async () => {
  const { path, hash } = await binary("closed.bin", 30 * megabytes, 3);
  alice.goOffline();
  await alice.get("offline-banner").waitFor();
  await sendFrom(alice.page, path, "in spite of all");
  await alice.message("in spite of all").getByTestId("uploading").waitFor();
  await rm(path);
  const uploads: string[] = [];
  // A piece of it arrives, and then the tab is gone.
  const isUnderWay = Promise.withResolvers<void>();
  await alice.page.route("**/api/v1/uploads/**", async (route) => {
    uploads.push(route.request().method());
    if (uploads.filter((method) => method === "PATCH").length > 1) return isUnderWay.resolve();
    await route.continue();
  });
  alice.goOnline();
  await isUnderWay.promise;
  await alice.page.close();
  const page = await alice.context.newPage();
  const again: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/v1/uploads")) again.push(request.method());
  });
  await page.goto(`${alice.proxy.url}/chat`);
  expect(await downloadedHash(bob, "in spite of all")).toBe(hash);
  expect(again.filter((method) => method === "POST")).toEqual([]);
  expect(again[0]).toBe("HEAD");
  await page.close();
});

test("two tabs that send the same file send two messages, each with the whole of it", async () => {
  const { path, hash } = await binary("same.bin", 12 * megabytes, 4);
  const tabs = [await alice.context.newPage(), await alice.context.newPage()] as const;
  for (const page of tabs) {
    await page.goto(`${alice.proxy.url}/chat`);
    await page.locator('[data-testid=conversation-item][data-peer="Bob"]').click();
    await page.getByTestId("composer").waitFor();
  }
  await Promise.all(tabs.map((page, index) => sendFrom(page, path, `from tab ${index + 1}`)));
  for (const caption of ["from tab 1", "from tab 2"]) expect(await downloadedHash(bob, caption)).toBe(hash);
  for (const page of tabs) await page.close();
});
