import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ConversationView } from "@cychat/sdk";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { until } from "../support/people.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Companion } from "./companion.ts";
import { overTheSides, seriousProblems, setFontSize, standStill, tooSmallForAFinger } from "./look.ts";
import { account, Person } from "./person.ts";

type RoomId = ConversationView["id"];

const longName = "Bobwithanamethatissolongthatitfitsnowher";
const roomName = "Hike to the lake on the last weekend in May, rain";
const arabic = "مرحبا، كيف حالك اليوم؟ أراك غداً إن شاء الله.";

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Companion;
let cleo: Companion;
let hike: RoomId;
let link: string;

const wide = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

/** Alice as the others see her: she is in no list of theirs but by her address. */
async function roomOf(owner: Companion, name: string, more: Partial<Parameters<Companion["client"]["createRoom"]>[0]> = {}) {
  const { id } = await owner.client.createRoom({ name, join: "invitation", history: "shared", ...more });
  return id;
}

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"));
  [bob, cleo] = await Promise.all([Companion.register(server, "Bob"), Companion.register(server, "Cleo"), alice.register()]);
  await bob.client.updateProfile({ nickname: longName });
  await bob.add(alice.account);
  await cleo.add(alice.account);
  await alice.addContact(bob.account.email);
  await alice.addContact(cleo.account.email);

  await alice.createRoom(roomName, { people: [longName, "Cleo"], join: "approval" });
  hike = new URL(alice.page.url()).pathname.split("/")[2] as RoomId;
  for (const { client } of [bob, cleo])
    await until(client, async () =>
      (await client.conversations()).some(({ id, room }) => id === hike && room?.standing === "member"),
    );
  const say = (who: Companion, text: string) => who.client.sendText(hike, text);
  await say(bob, `Hello @Alice, ${"a word ".repeat(40)}`);
  await alice.message("Hello @Alice").waitFor();
  await say(cleo, arabic);
  await alice.message("مرحبا").waitFor();
  await alice.send("We meet at seven");
  await alice.messageMenu("We meet at seven", "message-pin");
  await alice.get("pinned-bar").waitFor();
  await using dora = await Companion.register(server, "Dora");
  await dora.client.joinRoom(roomName);
  await alice.get("asking").waitFor();

  const quiet = await roomOf(bob, "Announcements", { join: "open" });
  await bob.client.updateRoomSettings(quiet, { post: "admin", description: "What everybody should know" });
  const gone = await roomOf(bob, "Old flat");
  for (const room of [quiet, gone]) await bob.client.addToRoom(room, { email: alice.account.email });
  await alice.item("Old flat").waitFor();
  const me = (await bob.client.contacts()).find(({ email }) => email === alice.account.email);
  if (me) await bob.client.removeFromRoom(gone, me.id);
  await alice.item("Old flat").getByText("You were removed").waitFor();
  await roomOf(cleo, "Parents", { join: "approval" });
  link = (
    await bob.client.createInvite(await roomOf(bob, "Party", { topic: "Bring a cake" }), { expiresInMs: 3_600_000, uses: 5 })
  ).link as string;
  await alice.goto("/chat");
  await alice.findRoom("Parents");
  await alice.foundRoom("Parents").getByTestId("found-join").click();
  await alice.page.locator("[data-testid=room-bar][data-standing=pending]").waitFor();
  await roomOf(bob, "Chess", { join: "open" });
});

afterAll(async () => {
  await alice?.[Symbol.asyncDispose]();
  await bob?.[Symbol.asyncDispose]();
  await cleo?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const inRoom = async () => {
  await alice.goto(`/chat/${hike}`);
  await alice.message("We meet at seven").waitFor();
};
const inPanel = async () => {
  await alice.goto(`/chat/${hike}/members`);
  await alice.member("Cleo").waitFor();
  await alice.get("join-request").waitFor();
};
const inDialog = (testid: string, ready: string) => async () => {
  await inRoom();
  await alice.roomMenu(testid);
  await alice.get(ready).first().waitFor();
};
const bar = (room: string, standing: string) => async () => {
  await alice.goto("/chat");
  await alice.item(room).click();
  await alice.page.locator(`[data-testid=room-bar][data-standing=${standing}]`).waitFor();
};

/** What a screen is, and how one gets there. */
const places: readonly (readonly [string, () => Promise<void>])[] = [
  ["a room", inRoom],
  ["the members", inPanel],
  [
    "the menu of a room",
    async () => {
      await inRoom();
      await alice.get("conversation-menu").click();
      await alice.get("leave-room").waitFor();
    },
  ],
  [
    "the completion of a mention",
    async () => {
      await inRoom();
      await alice.get("composer").fill("");
      await alice.get("composer").pressSequentially("@");
      await alice.get("mention-option").first().waitFor();
    },
  ],
  [
    "changing a message",
    async () => {
      await inRoom();
      await alice.get("composer").fill("");
      await alice.get("composer").press("ArrowUp");
      await alice.get("editing").waitFor();
    },
  ],
  ["the settings", inDialog("room-settings", "settings-name")],
  ["adding people", inDialog("add-people", "addable")],
  [
    "the invite links",
    async () => {
      await inDialog("invite-links", "create-invite")();
      if ((await alice.get("invite").count()) === 0) await alice.get("create-invite").click();
      else await alice.get("qr-invite").first().click();
      await alice.page.getByRole("img", { name: "Invite link as a QR code" }).waitFor();
    },
  ],
  [
    "making a room",
    async () => {
      await alice.goto("/chat");
      await alice.get("new-chat").click();
      await alice.get("new-room").click();
      await alice.get("pick-person").first().click();
      await alice.get("create-room-submit").click();
      await alice.page.getByText("Give the room a name.").waitFor();
    },
  ],
  [
    "joining a room",
    async () => {
      await alice.goto("/chat");
      await alice.findRoom("Chess");
      await alice.get("invite-link-input").fill("no link");
      await alice.get("invite-link-look").click();
      await alice.page.getByText("This is not a whole invite link.").waitFor();
    },
  ],
  ["a room where only admins write", bar("Announcements", "member")],
  ["a room one was removed from", bar("Old flat", "removed")],
  ["a room one waits for", bar("Parents", "pending")],
  [
    "an invitation",
    async () => {
      await alice.goto(`/join${new URL(link).hash}`);
      await alice.get("invite-join").waitFor();
    },
  ],
];

describe("accessibility: axe finds nothing serious", () => {
  test("on every screen of rooms, light and dark, wide and on a phone", async () => {
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

describe("small and enlarged", () => {
  const layouts: readonly (readonly [string, { width: number; height: number }, string])[] = [
    ["320 px wide", { width: 320, height: 568 }, "100%"],
    ["at 200 % zoom of a 1280 px window", { width: 640, height: 400 }, "100%"],
    ["with text of twice the size", wide, "200%"],
  ];

  const inEach = async (page: Page, look: (name: string) => Promise<void>) => {
    for (const [name, size, fontSize] of layouts) {
      await page.setViewportSize(size);
      await setFontSize(page, fontSize);
      await standStill(page);
      await look(name);
    }
    await page.setViewportSize(wide);
    await setFontSize(page, "100%");
  };

  test("nothing reaches over the sides of any screen of rooms", async () => {
    for (const [place, go] of places) {
      await go();
      await inEach(alice.page, async (name) => {
        if (place === "the menu of a room") {
          // A menu is placed when it opens.
          await alice.page.keyboard.press("Escape");
          await alice.get("conversation-menu").click();
        }
        expect([place, name, await overTheSides(alice.page)]).toEqual([place, name, []]);
      });
    }
  });

  test("with a finger everything one presses is at least 44 px high or wide", async () => {
    await using fay = await Person.open(browser, server.port, account("Fay"), phone, { hasTouch: true, isMobile: true });
    await fay.register();
    await fay.addContact(bob.account.email);
    await fay.goto("/chat");
    const fits = async (place: string) => expect([place, await tooSmallForAFinger(fay.page)]).toEqual([place, []]);
    await fay.get("new-chat").click();
    await fay.get("new-room").click();
    await fay.get("pick-person").first().click();
    await fits("making a room");
    await fay.get("room-name").fill("Pocket");
    await fay.get("create-room-submit").click();
    await fay.get("composer").waitFor();
    await fay.send("From a phone");
    await fay.sees("From a phone");
    await fits("a room");
    await fay.openPanel();
    await fay.member(longName).waitFor();
    await fits("the members");
    for (const [button, ready] of [
      ["panel-invites", "create-invite"],
      ["panel-add", "addable"],
      ["panel-settings", "settings-name"],
    ] as const) {
      await fay.get(button).click();
      await fay.get(ready).first().waitFor();
      if (button === "panel-invites") {
        await fay.get("create-invite").click();
        await fay.get("copy-invite").waitFor();
      }
      await fits(button);
      await fay.page.keyboard.press("Escape");
    }
    expect(fay.complaints).toEqual([]);
  });
});

describe("the keyboard alone", () => {
  test("makes a room, opens its members, and goes back step by step", async () => {
    await alice.goto("/chat");
    await alice.item(roomName).waitFor();
    const { keyboard } = alice.page;
    const focused = (testid: string) => alice.page.locator(`[data-testid=${testid}]:focus`).waitFor();
    await keyboard.press("r");
    await focused("room-name");
    await keyboard.type("By keyboard");
    await keyboard.press("Enter");
    await focused("composer");
    await alice.heading("By keyboard").waitFor();
    await keyboard.press("Escape");
    await keyboard.press("m");
    await focused("close-panel");
    await keyboard.press("Escape");
    await alice.get("member-panel").waitFor({ state: "detached" });
    await alice.heading("By keyboard").waitFor();
    await keyboard.press("j");
    await focused("find-room");
    await keyboard.press("Escape");
    await alice.get("join-dialog").waitFor({ state: "detached" });
  });
});

describe("what the browser says", () => {
  test("no error on the console, nothing against the content security policy, on any of these screens", () => {
    expect(alice.complaints).toEqual([]);
  });
});
