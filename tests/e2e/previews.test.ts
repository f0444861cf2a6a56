// Looking at files before they are downloaded, in Chromium: what is drawn, and that what draws it is shut in.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Frame } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { ServerProcess } from "../support/server-process.ts";
import { overTheSides, seriousProblems, tooSmallForAFinger } from "./look.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Person;

const phone = { width: 390, height: 844 };

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"));
  bob = await Person.open(browser, server.port, account("Bob"));
  await alice.register();
  await bob.register();
  await alice.addContact(bob.account.email);
  await bob.addContact(alice.account.email);
  await alice.send("hello");
  await bob.sees("hello");
});

afterEach(async () => {
  // What failed leaves nothing over the next one.
  if ((await bob.get("preview").count()) > 0) await bob.get("preview-close").click();
  expect([...alice.complaints.splice(0), ...bob.complaints.splice(0)]).toEqual([]);
});

afterAll(async () => {
  await alice?.[Symbol.asyncDispose]();
  await bob?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Alice sends it, Bob has it. */
async function send(name: string, content: string | Buffer): Promise<void> {
  await alice.get("attach-input").setInputFiles([{ name, mimeType: "application/octet-stream", buffer: Buffer.from(content) }]);
  await alice.get("tray-file").waitFor();
  await alice.get("send").click();
  await alice.get("file-tray").waitFor({ state: "detached" });
  await card(bob, name).waitFor();
}

const card = (person: Person, name: string) => person.page.locator(`[data-testid=file-card][data-name="${name}"]`);

/** Opens the preview of a file that was sent, and waits for what becomes of it. */
async function look(person: Person, name: string, state: "shown" | "failed" = "shown"): Promise<Frame> {
  await card(person, name).getByTestId("look").click();
  await person.page.locator(`[data-testid=preview][data-state=${state}]`).waitFor();
  return person.page.frames().find((frame) => frame.url().includes("/assets/preview-")) as Frame;
}

async function close(person: Person): Promise<void> {
  // The key goes to the frame, and the frame with the key: the browser may never say that it was taken.
  person.page.keyboard.press("Escape").catch(() => {});
  await person.get("preview").waitFor({ state: "detached" });
}

/** As a browser prints it: some pages, each with a large number on a coloured ground. */
async function printed(pages: number): Promise<Buffer> {
  const page = await browser.newPage();
  const sheets = Array.from(
    { length: pages },
    (_, index) =>
      `<section style="break-after:page;height:90vh;background:#0a6;color:#fff;font:120px sans-serif">No. ${index + 1}</section>`,
  );
  await page.setContent(`<body style="margin:0">${sheets.join("")}<a href="https://example.org">a link</a></body>`);
  const bytes = await page.pdf({ format: "A5", printBackground: true });
  await page.close();
  return bytes;
}

/** Locked with a password that nobody knows. */
function locked(): Buffer {
  const secret = "<28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a>";
  return Buffer.from(
    `%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n` +
      `3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n` +
      `4 0 obj<</Filter/Standard/V 1/R 2/O${secret}/U${secret}/P -4>>endobj\n` +
      `trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]>>\n%%EOF\n`,
    "latin1",
  );
}

describe("a PDF", () => {
  test("is drawn page by page, says where one is, and gets larger and smaller", async () => {
    await send("report.pdf", await printed(12));
    const frame = await look(bob, "report.pdf");
    await bob.get("preview").getByText("12 pages").or(bob.get("preview").getByText("13 pages")).waitFor();
    await frame.locator(".page canvas").first().waitFor();
    const pageCount = await frame.locator(".page").count();
    expect(await bob.get("preview").getByText(`${pageCount} pages`).count()).toBe(1);
    // The green ground, and the white of the letters on it.
    const colours = await frame.evaluate(() => {
      const canvas = document.querySelector(".page canvas") as HTMLCanvasElement;
      const { data } = (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, canvas.height);
      let green = 0;
      let white = 0;
      for (let at = 0; at < data.length; at += 4) {
        const [red = 0, greens = 0, blue = 0] = data.subarray(at, at + 3);
        if (red < 40 && greens > 140 && blue > 70 && blue < 130) green += 1;
        if (red > 250 && greens > 250 && blue > 250) white += 1;
      }
      return { green: green / (data.length / 4), white: white / (data.length / 4) };
    });
    expect(colours.green).toBeGreaterThan(0.5);
    expect(colours.white).toBeGreaterThan(0.01);
    // Its words can be chosen and read out.
    await frame.locator(".page").first().getByText("No. 1").waitFor({ state: "attached" });

    // Only what is near is drawn.
    expect(await frame.locator(".page canvas").count()).toBeLessThan(6);
    await frame.getByText(`Page 1 of ${pageCount}`).waitFor();
    await frame.evaluate(() => document.querySelector(".page[data-page='9']")?.scrollIntoView());
    await frame.getByText(`Page 9 of ${pageCount}`).waitFor();
    await frame.locator(".page[data-page='9'] canvas").waitFor();
    await frame.locator(".page[data-page='1'] canvas").waitFor({ state: "detached" });

    const width = () => frame.locator(".page[data-page='9']").evaluate((page) => page.clientWidth);
    const before = await width();
    await frame.getByRole("button", { name: "Zoom in" }).click();
    expect(await width()).toBeGreaterThan(before * 1.2);
    await frame.getByRole("button", { name: "Fit the width" }).click();
    expect(await width()).toBeGreaterThan(1150);
    // It has no links.
    expect(await frame.locator("a").count()).toBe(0);
    await close(bob);
    expect(await bob.page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("look");
  });

  test("is sharp on a screen of many pixels, and has its place on a phone", async () => {
    await using dense = await launchBrowser(["--force-device-scale-factor=2"]);
    await using touch = await Person.open(dense, server.port, bob.account, phone, { hasTouch: true, isMobile: true });
    await touch.logIn();
    await touch.item("Alice").click();
    const frame = await look(touch, "report.pdf");
    const canvas = frame.locator(".page canvas").first();
    await canvas.waitFor();
    const { drawn, seen } = await canvas.evaluate((element) => ({
      drawn: (element as HTMLCanvasElement).width,
      seen: element.getBoundingClientRect().width,
    }));
    expect(drawn / seen).toBeCloseTo(2, 1);
    expect(seen).toBeLessThanOrEqual(phone.width);
    expect(seen).toBeGreaterThan(phone.width * 0.85);
    expect(await overTheSides(touch.page)).toEqual([]);
    expect(await tooSmallForAFinger(touch.page)).toEqual([]);
    const small = await frame.locator("button").evaluateAll((all) => all.filter((button) => button.clientWidth < 44).length);
    expect(small).toBe(0);
    await touch.get("preview-close").click();
    await touch.get("preview").waitFor({ state: "detached" });
    expect(touch.complaints).toEqual([]);
  });

  for (const [why, name, bytes, words] of [
    ["is locked", "locked.pdf", locked, "This PDF is locked with a password."],
    ["is damaged", "damaged.pdf", () => Buffer.from("%PDF-1.7\nnothing more"), "This file cannot be shown. It may be damaged"],
    ["is something else", "other.pdf", () => Buffer.alloc(5000, 7), "This file cannot be shown."],
  ] as const)
    test(`that ${why} says so, and can be downloaded`, async () => {
      await send(name, bytes());
      await look(bob, name, "failed");
      const problem = bob.get("preview-problem");
      await problem.getByText(words).waitFor();
      const [download] = await Promise.all([
        bob.page.waitForEvent("download"),
        problem.getByText("Download", { exact: true }).click(),
      ]);
      expect(download.suggestedFilename()).toBe(name);
      await close(bob);
    });
});

describe("code and text", () => {
  test("have numbered lines, and colours where their language is known", async () => {
    await send("greet.ts", "export const greet = (name: string) => `Grüße ` + name;\n\n// the end\n");
    const frame = await look(bob, "greet.ts");
    expect(await frame.locator(".line").evaluateAll((lines) => lines.map((line) => line.textContent))).toEqual([
      "export const greet = (name: string) => `Grüße ` + name;",
      "",
      "// the end",
    ]);
    await frame.getByText("TypeScript · 3 lines").waitFor();
    const colour = (scope: string) =>
      frame
        .locator(`.${scope}`)
        .first()
        .evaluate((element) => getComputedStyle(element).color);
    const colours = await Promise.all(["keyword", "string", "comment", "content"].map(colour));
    expect(new Set(colours).size).toBe(4);
    await close(bob);
  });

  test("of ten thousand lines are there to the last one, wrapped or not", async () => {
    const line = (n: number) => `line ${n} ${"lorem ".repeat(n === 39 ? 80 : n % 7)}`;
    await send("long.log", Array.from({ length: 10_000 }, (_, index) => line(index + 1)).join("\n"));
    const frame = await look(bob, "long.log");
    expect(await frame.locator(".line").count()).toBe(10_000);
    await frame.getByText("Only the first").waitFor({ state: "hidden" });
    await frame.locator(".line").last().scrollIntoViewIfNeeded();
    expect(await frame.locator(".line").last().textContent()).toStartWith("line 10000 ");
    const isWide = () => frame.locator(".file").evaluate((file) => file.scrollWidth > file.clientWidth);
    await frame.locator(".line[data-line='39']").scrollIntoViewIfNeeded();
    expect(await isWide()).toBe(false);
    await frame.getByRole("button", { name: "Wrap lines" }).click();
    expect(await isWide()).toBe(true);
    await close(bob);
  }, 60_000);

  test("that are too long are shown from their beginning, which is said", async () => {
    await send("huge.txt", "x".repeat(99).concat("\n").repeat(30_000));
    const frame = await look(bob, "huge.txt");
    await frame.getByText("Only the first 1 MB of 3 MB are shown.").waitFor();
    expect(await frame.locator(".line").count()).toBe(10_000);
    await close(bob);
  });

  test("cannot look like other code by characters that are not seen", async () => {
    await send("trojan.js", 'if (level != "user\u202e \u2066// only admins\u2069 \u2066") {\n  grant();\n}\n');
    const frame = await look(bob, "trojan.js");
    expect(await frame.locator(".hidden").allInnerTexts()).toEqual(["U+202E", "U+2066", "U+2069", "U+2066"]);
    expect(await frame.evaluate(() => /[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent ?? ""))).toBe(false);
    await close(bob);
  });

  test("in UTF-16 are read, and what is no text is none", async () => {
    await send("wide.txt", Buffer.from("\ufeffGrüße", "utf16le"));
    const frame = await look(bob, "wide.txt");
    await frame.getByText("Grüße").waitFor();
    await close(bob);
    await send("binary.txt", Buffer.from([0x50, 0x4b, 3, 4, 0, 0xff, 0xfe, 0]));
    await look(bob, "binary.txt", "failed");
    await bob.get("preview-problem").getByText("This is not text, whatever its name says").waitFor();
    await close(bob);
  });

  test("are offered for no other file", async () => {
    await send("archive.zip", "PK");
    expect(await card(bob, "archive.zip").getByTestId("look").count()).toBe(0);
    expect(await card(bob, "archive.zip").getByTestId("download").count()).toBe(1);
  });
});

describe("what draws a file", () => {
  const page =
    '<script>parent.postMessage("run","*");document.title="run"</script><img src=x onerror="document.title=1"><b>bold</b>';

  test("shows a page as its source, and nothing of it runs", async () => {
    await send("page.html", page);
    await send("drawing.svg", `<svg xmlns="http://www.w3.org/2000/svg">${page}</svg>`);
    for (const name of ["page.html", "drawing.svg"]) {
      const frame = await look(bob, name);
      expect(await frame.locator(".file").innerText()).toContain('<script>parent.postMessage("run","*")');
      expect(await frame.locator(".file").evaluate((file) => file.querySelectorAll("b, img, svg, script").length)).toBe(0);
      expect(await frame.title()).toBe("Preview");
      await close(bob);
    }
  });

  test("has no origin, no storage, no way to the app, and no network", async () => {
    for (const name of ["page.html", "report.pdf"]) {
      const frame = await look(bob, name);
      const found = await frame.evaluate(async () => {
        const tried = async (work: () => unknown) => {
          try {
            return `got ${await work()}`;
          } catch (error) {
            return (error as Error).name;
          }
        };
        const image = (src: string) =>
          new Promise((resolve, reject) => {
            const picture = new Image();
            picture.onload = resolve;
            picture.onerror = () => reject(Object.assign(new Error(), { name: "Refused" }));
            picture.src = src;
          });
        return {
          origin: self.origin,
          parent: await tried(() => parent.document.title),
          storage: await tried(() => localStorage.length),
          cookie: await tried(() => document.cookie),
          database: await tried(() => indexedDB.open("x") && "a database"),
          fetched: await tried(() => fetch(`${location.origin}/api/v1/contacts`)),
          socket: await tried(
            () =>
              new Promise((resolve, reject) => {
                const socket = new WebSocket(`ws://${location.host}/api/v1/ws`);
                socket.onopen = resolve;
                socket.onerror = () => reject(Object.assign(new Error(), { name: "Refused" }));
              }),
          ),
          image: await tried(() => image(`${location.origin}/icon-192.png`)),
          evaluated: await tried(() =>
            document.body.append(Object.assign(document.createElement("script"), { textContent: "1" })),
          ),
          frames: await tried(() => top?.location.assign("https://example.org")),
        };
      });
      expect(found).toEqual({
        origin: "null",
        parent: "SecurityError",
        storage: "SecurityError",
        cookie: "SecurityError",
        database: "SecurityError",
        fetched: "TypeError",
        socket: "Refused",
        image: "Refused",
        evaluated: "TypeError",
        frames: "SecurityError",
      });
      // The browser says each of them on the console; the last one has been heard once this one is.
      await frame.evaluate(async () => {
        await new Promise(requestAnimationFrame);
        await (globalThis as unknown as { reportViolation(text: string): Promise<void> }).reportViolation("that was all");
      });
      expect(bob.complaints.splice(0).length).toBeGreaterThan(3);
      await bob.get("preview-close").click();
      await bob.get("preview").waitFor({ state: "detached" });
    }
  });

  test("cannot leave for another page: the app lets go of it", async () => {
    const frame = await look(bob, "page.html");
    await frame.evaluate(() => location.assign("https://example.org/?what=it-read")).catch(() => {});
    await bob.page.locator("[data-testid=preview][data-state=failed]").waitFor();
    expect(await bob.get("preview-frame").count()).toBe(0);
    expect(bob.complaints.splice(0).join()).toContain("frame-src");
    await close(bob);
  });

  test("is there without a network, too, and as much shut in", async () => {
    await send("offline.md", "# Still here\n");
    await bob.page.evaluate(() => navigator.serviceWorker.ready);
    await bob.page.reload();
    await look(bob, "offline.md");
    await close(bob);
    bob.goOffline();
    await bob.get("offline-banner").waitFor();
    const frame = await look(bob, "offline.md");
    await frame.getByText("# Still here").waitFor();
    expect(await frame.evaluate(() => self.origin)).toBe("null");
    expect(
      await frame.evaluate(() =>
        fetch(`${location.origin}/chat`).then(
          () => "got it",
          () => "refused",
        ),
      ),
    ).toBe("refused");
    await close(bob);
    bob.goOnline();
    await bob.get("offline-banner").waitFor({ state: "detached" });
    bob.complaints.splice(0);
  });
});

test("a message that is deleted takes its file from the screen", async () => {
  await send("gone.txt", "soon gone");
  await look(bob, "gone.txt");
  const row = alice.get("message").filter({ has: card(alice, "gone.txt") });
  await row.hover();
  await row.getByTestId("message-menu").click();
  await alice.get("message-delete").click();
  await alice.get("confirm-yes").click();
  await bob.get("preview").waitFor({ state: "detached" });
});

describe("how it looks", () => {
  for (const [size, scheme, viewport] of [
    ["wide", "light", { width: 1280, height: 800 }],
    ["wide", "dark", { width: 1280, height: 800 }],
    ["phone", "light", phone],
  ] as const)
    test(`nothing is out of place: ${size}, ${scheme}`, async () => {
      await bob.page.emulateMedia({ colorScheme: scheme });
      await bob.page.setViewportSize(viewport);
      for (const name of ["greet.ts", "report.pdf"]) {
        const frame = await look(bob, name);
        expect(await overTheSides(bob.page)).toEqual([]);
        expect(await seriousProblems(bob.page)).toEqual([]);
        expect(await frame.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
        await close(bob);
      }
      await bob.page.setViewportSize({ width: 1280, height: 800 });
      await bob.page.emulateMedia({ colorScheme: "light" });
    });
});
