import { type Browser, chromium } from "playwright-core";

const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A Chromium with an empty profile. `npm test` names its path; a test file run by itself takes the one on the PATH. */
export function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  const executablePath = process.env.CHROMIUM_PATH ?? Bun.which("chromium") ?? Bun.which("google-chrome");
  if (!executablePath) throw new Error("No Chromium found: install one, or name it in CHROMIUM_PATH.");
  return chromium.launch({ executablePath, args: [...args, ...more] });
}
