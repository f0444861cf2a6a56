import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Companion } from "./companion.ts";
import { overTheSides, seriousProblems, setFontSize, standStill, tooSmallForAFinger } from "./look.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Companion;

const arabic = "مرحبا، كيف حالك اليوم؟ أراك غداً إن شاء الله.";
const bobsName = "Bobwithanamethatissolongthatitfitsnowher";
const longWord = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikverkaufsstelle".repeat(3);

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"));
  [bob] = await Promise.all([Companion.register(server, "Bob"), alice.register()]);
  await bob.client.updateProfile({ nickname: bobsName });
  await bob.add(alice.account);
  await alice.addContact(bob.account.email);
  await bob.say(
    "Hello",
    arabic,
    longWord,
    "```ts\nconst something = 'a line of code that is quite a bit longer than a small screen is wide';\n```",
  );
  await alice.send("And hello to you: https://example.org/");
  await bob.hears("And hello to you: https://example.org/");
  await using stranger = await Companion.register(server, "Stranger");
  await stranger.add(alice.account);
  await stranger.say("May I?");
  await alice.request("Stranger").waitFor();
});

afterAll(async () => {
  await alice?.[Symbol.asyncDispose]();
  await bob?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const wide = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

const toChat = async () => {
  await alice.goto("/chat");
  await alice.openChat(bobsName);
  await alice.sees(arabic);
};
const toProfile = async () => {
  await alice.goto("/profile");
  await alice.get("session").first().waitFor();
};

/** What a page is, and how one gets there; all of them in the browser of somebody who has a chat. */
const places: readonly (readonly [string, () => Promise<void>])[] = [
  ["the list of chats", () => alice.goto("/chat").then(() => alice.item(bobsName).waitFor())],
  ["a chat", toChat],
  ["the profile", toProfile],
  [
    "a request",
    async () => {
      await alice.goto("/chat");
      await alice.request("Stranger").click();
      await alice.get("request-accept").waitFor();
    },
  ],
  [
    "the dialog for a new chat",
    async () => {
      await alice.goto("/chat");
      await alice.get("new-chat").click();
      await alice.get("add-contact-input").waitFor();
    },
  ],
  [
    "the switcher",
    async () => {
      await toChat();
      await alice.page.keyboard.press("Control+k");
      await alice.get("switcher-input").waitFor();
    },
  ],
  [
    "the safety number",
    async () => {
      await toChat();
      await alice.get("conversation-menu").click();
      await alice.get("open-safety-number").click();
      await alice.get("safety-number").waitFor();
    },
  ],
  [
    "the menu of a chat",
    async () => {
      await toChat();
      await alice.get("conversation-menu").click();
      await alice.get("block").waitFor();
    },
  ],
];

describe("accessibility: axe finds nothing serious", () => {
  test("on the pages before the chats, light and dark, wide and on a phone", async () => {
    await using guest = await Person.open(browser, server.port, account("Guest"), wide, { bypassCSP: true });
    const look = async (place: string) => {
      for (const colorScheme of ["light", "dark"] as const)
        for (const size of [wide, phone]) {
          await guest.page.emulateMedia({ colorScheme });
          await guest.page.setViewportSize(size);
          expect([place, colorScheme, size.width, await seriousProblems(guest.page)]).toEqual([
            place,
            colorScheme,
            size.width,
            [],
          ]);
        }
    };
    await guest.get("login-submit").click();
    await guest.page.getByText("Enter your e-mail address.").waitFor();
    await look("log in");
    await guest.goto("/register");
    await guest.get("register-submit").click();
    await guest.page.getByText("Choose a nickname.").waitFor();
    await look("register");
    await guest.startRegistration();
    await guest.get("recovery-words").waitFor();
    await look("recovery key");
    await guest.get("recovery-next").click();
    await guest.get("recovery-check").click();
    await look("recovery check");
    await guest.get("recovery-later").click();
    await guest.get("new-chat").waitFor();
    await look("no chats yet");
  });

  test("on every page of somebody who has chats, light and dark, wide and on a phone", async () => {
    for (const [place, go] of places) {
      await alice.page.setViewportSize(wide);
      await go();
      for (const [colorScheme, size] of [
        ["light", wide],
        ["dark", wide],
        ["light", phone],
      ] as const) {
        await alice.page.emulateMedia({ colorScheme });
        await alice.page.setViewportSize(size);
        expect([place, colorScheme, size.width, await seriousProblems(alice.page)]).toEqual([place, colorScheme, size.width, []]);
      }
    }
    await alice.page.setViewportSize(wide);
    await alice.page.emulateMedia({ colorScheme: null });
  });
});

describe("the keyboard alone", () => {
  test("registers, adds somebody, writes, deletes from a menu, and logs out", async () => {
    await using kim = await Companion.register(server, "Kim");
    await using carl = await Person.open(browser, server.port, account("Carl"));
    const { keyboard } = carl.page;
    const focused = (testid: string) => carl.page.locator(`[data-testid=${testid}]:focus`);
    /** Tab until the focus, which must be visible, is there. */
    const tabTo = async (testid: string, key: "Tab" | "Shift+Tab" = "Tab") => {
      for (let presses = 0; (await focused(testid).count()) === 0; presses++) {
        if (presses > 40) throw new Error(`Tab does not lead to ${testid}`);
        await keyboard.press(key);
      }
      const ring = await focused(testid).evaluate((element) => {
        const of = (target: Element) => getComputedStyle(target);
        // A field may show it at the box around it.
        return [element, element.parentElement as Element].some(
          (target) => of(target).outlineStyle !== "none" || of(target).borderTopWidth !== "0px",
        );
      });
      expect([testid, ring]).toEqual([testid, true]);
    };

    await carl.get("login-email").waitFor();
    await carl.page.getByRole("link", { name: "Make an account" }).waitFor();
    for (let presses = 0; presses < 20; presses++) {
      await keyboard.press("Tab");
      if (await carl.page.locator("a:focus", { hasText: "Make an account" }).count()) break;
    }
    await keyboard.press("Enter");
    await carl.get("register-nickname").waitFor();
    await tabTo("register-nickname");
    await keyboard.type(carl.account.nickname);
    await tabTo("register-email");
    await keyboard.type(carl.account.email);
    await tabTo("register-password");
    await keyboard.type(carl.account.password);
    await keyboard.press("Enter");
    await carl.get("recovery-words").waitFor();
    await tabTo("recovery-later");
    await keyboard.press("Enter");
    await carl.get("new-chat").waitFor();
    await tabTo("new-chat");
    await keyboard.press("Enter");
    await focused("add-contact-input").waitFor();
    await keyboard.type(kim.account.email);
    await keyboard.press("Enter");
    await focused("composer").waitFor();
    await keyboard.type("written without a mouse");
    await keyboard.press("Enter");
    await carl.sees("written without a mouse");
    await carl.page.locator("[data-testid=message]:is([data-state=sent],[data-state=delivered])").waitFor();

    await keyboard.press("ArrowUp");
    await keyboard.press("Enter");
    await focused("message-copy").waitFor();
    await keyboard.press("ArrowDown");
    await focused("message-delete").waitFor();
    await keyboard.press("Enter");
    await carl.get("confirm-yes").waitFor();
    await tabTo("confirm-yes");
    await keyboard.press("Enter");
    await carl.page.getByText("You deleted this message").waitFor();

    await tabTo("conversation-menu", "Shift+Tab");
    await keyboard.press("Enter");
    await carl.page.locator("[role=menuitem]:focus").waitFor();
    await keyboard.press("ArrowDown");
    await focused("open-gallery").waitFor();
    await keyboard.press("ArrowDown");
    await focused("open-safety-number").waitFor();
    await keyboard.press("Escape");
    await focused("conversation-menu").waitFor();
    await tabTo("profile-link", "Shift+Tab");
    await keyboard.press("Enter");
    await carl.get("logout").waitFor();
    await tabTo("logout");
    await keyboard.press("Enter");
    await carl.get("login-email").waitFor();
    expect(carl.complaints).toEqual([]);
  });
});

describe("small and enlarged", () => {
  const layouts: readonly (readonly [string, { width: number; height: number }, string])[] = [
    ["320 px wide", { width: 320, height: 568 }, "100%"],
    ["at 200 % zoom of a 1280 px window", { width: 640, height: 400 }, "100%"],
    ["with text of twice the size", { width: 1280, height: 800 }, "200%"],
  ];

  const inEach = async (page: Page, look: (name: string, size: { width: number; height: number }) => Promise<void>) => {
    for (const [name, size, fontSize] of layouts) {
      await page.setViewportSize(size);
      await setFontSize(page, fontSize);
      await standStill(page);
      await look(name, size);
    }
    await page.setViewportSize(wide);
    await setFontSize(page, "100%");
  };

  test("nothing reaches over the sides of the pages before the chats", async () => {
    await using guest = await Person.open(browser, server.port, account("Nobody"));
    const look = (place: string) =>
      inEach(guest.page, async (name) => expect([place, name, await overTheSides(guest.page)]).toEqual([place, name, []]));
    await guest.get("login-email").waitFor();
    await look("log in");
    await guest.goto("/register");
    await guest.get("register-submit").click();
    await guest.page.getByText("Choose a nickname.").waitFor();
    await look("register");
  });

  test("nothing reaches over the sides of any page of somebody who has chats, and one can write", async () => {
    for (const [place, go] of places) {
      await go();
      await inEach(alice.page, async (name, size) => {
        if (place === "the menu of a chat") {
          // A menu is placed when it opens.
          await alice.page.keyboard.press("Escape");
          await alice.get("conversation-menu").click();
        }
        expect([place, name, await overTheSides(alice.page)]).toEqual([place, name, []]);
        if (place !== "a chat") return;
        for (const control of ["composer", "voice-record"]) {
          const box = await alice.get(control).boundingBox();
          expect([control, name, (box?.y ?? 0) + (box?.height ?? 0) <= size.height]).toEqual([control, name, true]);
        }
        const timeline = await alice.get("timeline").boundingBox();
        expect([name, (timeline?.height ?? 0) > 100]).toEqual([name, true]);
      });
    }
  });

  test("at 320 px the recovery key is readable in full", async () => {
    await using dana = await Person.open(browser, server.port, account("Dana"), { width: 320, height: 568 });
    await dana.startRegistration();
    await dana.get("recovery-words").waitFor();
    expect(await overTheSides(dana.page)).toEqual([]);
  });

  test("with a finger everything one presses is at least 44 px high or wide", async () => {
    await using fay = await Person.open(browser, server.port, account("Fay"), phone, { hasTouch: true, isMobile: true });
    const tooSmall = () => tooSmallForAFinger(fay.page);
    await fay.get("login-email").waitFor();
    expect(await tooSmall()).toEqual([]);
    await fay.register();
    expect(await tooSmall()).toEqual([]);
    await fay.addContact(alice.account.email);
    await fay.send("From a phone");
    await fay.sees("From a phone");
    expect(await tooSmall()).toEqual([]);
    await fay.goto("/profile");
    await fay.get("session").first().waitFor();
    expect(await tooSmall()).toEqual([]);
  });
});

describe("when something is missing", () => {
  test("without a connection a thin banner says so, the chat stays and can be written in", async () => {
    await toChat();
    const before = await alice.get("timeline").boundingBox();
    alice.goOffline();
    const banner = alice.get("offline-banner");
    await banner.waitFor();
    expect((await banner.boundingBox())?.height ?? 99).toBeLessThan(40);
    expect(await alice.get("timeline").isVisible()).toBe(true);
    const after = await alice.get("timeline").boundingBox();
    expect((before?.height ?? 0) - (after?.height ?? 0)).toBeLessThan(40);
    // Nobody is shown as being there by somebody who cannot know.
    expect(await alice.page.locator(".dot").count()).toBe(0);
    await alice.send("written without a connection");
    await alice.sees("written without a connection");
    alice.goOnline();
    await banner.waitFor({ state: "detached" });
    await bob.hears("written without a connection");
  });

  test("an address that leads nowhere is answered in words, with a way out", async () => {
    await alice.goto("/chat/00000000-0000-7000-8000-000000000000");
    await alice.page.getByText("This chat is not here").waitFor();
    await alice.page.getByRole("link", { name: "To my chats" }).click();
    await alice.page.waitForURL("**/chat");
    await alice.goto("/chat/a/b/c");
    await alice.item(bobsName).waitFor();
    await alice.page.waitForURL("**/chat");
    const other = await alice.page.request.get(`${alice.proxy.url}/nothing-here`);
    expect(other.status()).toBe(404);
  });
});

describe("languages and motion", () => {
  test("each paragraph runs as its own letters do, in a page of either direction", async () => {
    for (const dir of ["ltr", "rtl"] as const) {
      await toChat();
      await alice.page.evaluate((value) => document.documentElement.setAttribute("dir", value), dir);
      const directions = await alice.page.evaluate(
        ([rightToLeft]) =>
          [...document.querySelectorAll<HTMLElement>("[data-testid=message-text] > p")]
            .filter(({ textContent }) => textContent === rightToLeft || textContent?.startsWith("And hello"))
            .map((paragraph) => {
              const range = document.createRange();
              range.selectNodeContents(paragraph);
              const text = range.getClientRects()[0] as DOMRect;
              const box = paragraph.getBoundingClientRect();
              return [getComputedStyle(paragraph).direction, text.left - box.left < box.right - text.right ? "left" : "right"];
            }),
        [arabic],
      );
      expect(directions.map(([direction]) => direction)).toEqual(["rtl", "ltr"]);
      expect(await overTheSides(alice.page)).toEqual([]);
      const [side, main] = await Promise.all([alice.page.locator("nav").boundingBox(), alice.page.locator("main").boundingBox()]);
      expect((side?.x ?? 0) < (main?.x ?? 0)).toBe(dir === "ltr");
    }
  });

  test("who asks for less motion gets none", async () => {
    await alice.page.emulateMedia({ reducedMotion: "reduce" });
    await toChat();
    await alice.page.evaluate(() => {
      const seen = { longestMs: 0 };
      (globalThis as unknown as { seen: typeof seen }).seen = seen;
      const look = () => {
        for (const animation of document.getAnimations())
          seen.longestMs = Math.max(seen.longestMs, Number(animation.effect?.getComputedTiming().endTime ?? 0));
        requestAnimationFrame(look);
      };
      look();
    });
    await alice.get("conversation-menu").click();
    await alice.get("open-safety-number").click();
    await alice.get("safety-number").waitFor();
    await alice.page.keyboard.press("Escape");
    await alice.send("calmly");
    await alice.sees("calmly");
    await alice.get("composer").hover();
    expect(
      await alice.page.evaluate(() => (globalThis as unknown as { seen: { longestMs: number } }).seen.longestMs),
    ).toBeLessThanOrEqual(1);
    await alice.page.emulateMedia({ reducedMotion: null });
  });
});

describe("what the browser says", () => {
  test("the log-in page loads at most 150 kB of compressed JavaScript", async () => {
    await using guest = await Person.open(browser, server.port, account("Nobody"), wide, { serviceWorkers: "block" });
    const scripts = new Set<string>();
    guest.page.on("response", (response) => {
      if (response.request().resourceType() === "script") scripts.add(new URL(response.url()).pathname);
    });
    await guest.page.reload({ waitUntil: "networkidle" });
    await guest.get("login-email").waitFor();
    let bytes = 0;
    for (const path of scripts) {
      const response = await fetch(server.url + path, {
        headers: { "accept-encoding": "gzip" },
        decompress: false,
      } as RequestInit);
      bytes += (await response.arrayBuffer()).byteLength;
    }
    console.log(`log-in: ${scripts.size} scripts, ${(bytes / 1000).toFixed(1)} kB compressed`);
    expect(scripts.size).toBeGreaterThan(2);
    expect(bytes).toBeLessThanOrEqual(150_000);
  });

  test("no error on the console, nothing against the content security policy, on any of these pages", () => {
    expect(alice.complaints).toEqual([]);
  });
});
