import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { capture, PlainError, root } from "../process.mjs";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
// The fonts are for the tests that draw Arabic, Hebrew and emoji.
const debianPackages = ["chromium", "fonts-noto-core", "fonts-noto-color-emoji"];

/** The path of a Chromium that starts, installed first if need be; undefined if none can be had. */
export async function ensureChromium() {
  const present = findChromium();
  if (present) return present;

  if (isDebian() && process.getuid?.() === 0) {
    console.log("Installing Chromium (apt-get) …");
    await installFromDebian();
    const installed = findChromium();
    if (installed) return installed;
  }

  const downloaded = downloadedByPlaywright();
  if (starts(downloaded)) return downloaded;
  console.log("Downloading Chromium (Playwright) …");
  const { code, output } = await capture(process.execPath, [playwrightCli(), "install", "--no-shell", "chromium"]);
  if (code !== 0) console.error(lastLines(output));
  return starts(downloaded) ? downloaded : undefined;
}

function findChromium() {
  const named = process.env.CHROMIUM_PATH;
  if (named && !starts(named)) throw new PlainError(`CHROMIUM_PATH names ${named}, which does not start.`);
  if (named) return named;
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(delimiter)];
  const candidates = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  candidates.push("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
  return candidates.find(starts);
}

// A browser that lacks a system library is there and does not start. On Windows asking would open a window.
function starts(path) {
  if (!path || !existsSync(path)) return false;
  return process.platform === "win32" || spawnSync(path, ["--version"], { stdio: "ignore", timeout: 20_000 }).status === 0;
}

function isDebian() {
  return existsSync("/etc/os-release") && /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
}

async function installFromDebian() {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...debianPackages]]) {
    const { code, output } = await capture("apt-get", args, { env });
    if (code !== 0) console.error(lastLines(output));
  }
}

const fromTests = createRequire(join(root, "tests", "package.json"));
const playwrightCli = () => join(dirname(fromTests.resolve("playwright-core/package.json")), "cli.js");
const downloadedByPlaywright = () => fromTests("playwright-core").chromium.executablePath();

const lastLines = (text) => text.trim().split("\n").slice(-5).join("\n");
