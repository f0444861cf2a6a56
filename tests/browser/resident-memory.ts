// What the processes of a browser that run pages and their workers take of the machine's memory.
import { readFile } from "node:fs/promises";
import type { Browser } from "playwright-core";

const sampleEveryMs = 50;

/** In bytes, of all renderers together. Linux only. */
async function renderersBytes(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  try {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    const sizes = await Promise.all(renderers.map(({ id }) => residentBytes(id)));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  } finally {
    await session.detach();
  }
}

/** 0 of a process that has ended. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** The most that the renderers, and another process, take while `work` runs, over what they took before; in bytes. */
export async function growthDuring(
  browser: Browser,
  otherPid: number,
  work: () => Promise<void>,
): Promise<{ renderers: number; other: number }> {
  const before = { renderers: await renderersBytes(browser), other: await residentBytes(otherPid) };
  const most = { ...before };
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      most.renderers = Math.max(most.renderers, await renderersBytes(browser));
      most.other = Math.max(most.other, await residentBytes(otherPid));
      await Bun.sleep(sampleEveryMs);
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await watching;
  }
  return { renderers: most.renderers - before.renderers, other: most.other - before.other };
}
