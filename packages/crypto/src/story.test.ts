import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { makeStory, readStory, type Story } from "../testing/story.ts";
import draft from "../vectors/hpke-pq-draft.json" with { type: "json" };
import room from "../vectors/room.json" with { type: "json" };

const file = Bun.file(new URL("../vectors/story.json", import.meta.url));
if (Bun.env.UPDATE_VECTORS === "1") await Bun.write(file, `${JSON.stringify(await makeStory(), null, 2)}\n`);
const story: Story = await file.json();

test("what the first release sealed still opens, from the password to the text", async () => {
  expect(await readStory(story)).toBe(String(story.text));
});

test("what this release seals opens", async () => {
  expect(await readStory(await makeStory())).toBe(String(story.text));
});

const chromium = Bun.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

test.skipIf(!existsSync(chromium))(
  "Chromium opens the same, with the native KEM, and derives the same invite; Bun opens what Chromium seals",
  async () => {
    const built = await Bun.build({
      entrypoints: [new URL("../testing/story-in-browser.ts", import.meta.url).pathname],
      target: "browser",
      format: "iife",
    });
    expect(built.success).toBe(true);
    const script = await built.outputs[0]?.text();
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("<!doctype html><p>", { headers: { "content-type": "text/html" } }),
    });
    const { chromium: launcher } = await import("playwright-core");
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
    const browser = await launcher.launch({ executablePath: chromium, args });
    try {
      const page = await browser.newPage();
      await page.goto(server.url.href);
      await page.addScriptTag({ content: script ?? "" });
      const answer = await page.evaluate(
        (told) => (globalThis as unknown as { runStory: (...told: unknown[]) => Promise<unknown> }).runStory(...told),
        [story, draft, room.invite.fragment] as const,
      );
      const { sharedSecret } = draft;
      const inviteKey = room.invite.signPublicKey;
      expect(answer).toMatchObject({ text: story.text, native: true, sharedSecret, inviteKey, fallbackAgrees: true });
      expect(await readStory((answer as { made: Story }).made)).toBe(String(story.text));
    } finally {
      await browser.close();
    }
  },
  60_000,
);
