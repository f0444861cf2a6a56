import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { until } from "../support/people.ts";
import { Companion } from "./companion.ts";
import { Person } from "./person.ts";
import { standing, ThreePeople } from "./three-people.ts";

let people: ThreePeople;
let nora: Person;
let jonas: Person;
let priya: Person;

beforeAll(async () => {
  people = await ThreePeople.start();
  ({ nora, jonas, priya } = people);
});

beforeEach(() => people.startAfresh());

afterEach(() => expect(people.complaints()).toEqual([]));

afterAll(async () => {
  await people?.[Symbol.asyncDispose]();
});

describe("reading a room", () => {
  test("a long history is there once and in order, also where much happened between the messages", async () => {
    await using otto = await Companion.register(people.server, "Otto");
    await otto.add(nora.account);
    const { client } = otto;
    const { id } = await client.createRoom({ name: "Long", join: "invitation", history: "shared" });
    const texts: string[] = [];
    for (let n = 1; n <= 25; n++) {
      for (let part = 1; part <= 12; part++) {
        texts.push(`${n}.${part}`);
        await client.sendText(id, `${n}.${part}`);
      }
      const last = await until(client, async () => {
        const [newest] = (await client.history(id, { limit: 1 })).messages;
        return newest?.seq != null && newest.text === texts.at(-1) ? newest : null;
      });
      await client.setPinned(id, last.id, true);
      await client.setPinned(id, last.id, false);
    }
    await client.addToRoom(id, { email: nora.account.email });
    await nora.request("Long").click();
    await nora.get("request-accept").click();
    await nora.sees("25.12");
    // A page that was just loaded has the newest only.
    await nora.page.reload();
    await nora.sees("25.12");
    const history = await nora.readWholeHistory();
    expect([...history].toSorted(([a], [b]) => a - b).map(([, text]) => text)).toEqual(texts);
    expect(await nora.get("message").count()).toBeLessThanOrEqual(300);
    await nora.get("new-pill").click();
    await nora.sees("25.12");
    expect(nora.complaints).toEqual([]);
  });

  test("a muted room rings for a mention only: with the room's name and who it was, never what", async () => {
    await people.room("Quiet");
    await jonas.itemMenu("Quiet", "mute");
    await jonas.goto("/chat");
    await using elsewhere = await Person.open(people.browser, people.server.port, jonas.account);
    await elsewhere.page.addInitScript(() => {
      const rung: string[] = [];
      class Recorder {
        static permission = "granted";
        constructor(title: string, { body }: { body: string }) {
          rung.push(`${title}: ${body}`);
        }
      }
      Object.assign(globalThis, { rung, Notification: Recorder });
      localStorage.setItem("cychat-notify", "yes");
      // Nobody looks at this page.
      document.hasFocus = () => false;
    });
    await elsewhere.goto("/login");
    await elsewhere.logIn();
    await elsewhere.item("Quiet").getByTitle("Muted").waitFor();
    await nora.send("nothing for anybody in particular");
    await nora.send("but @Jonas should look");
    await elsewhere.item("Quiet").getByTestId("mention-badge").waitFor();
    const rung = () => elsewhere.page.evaluate(() => (globalThis as unknown as { rung: string[] }).rung);
    await elsewhere.page.waitForFunction(() => (globalThis as unknown as { rung: string[] }).rung.length > 0);
    expect(await rung()).toEqual(["Quiet: Nora mentioned you"]);
    expect(elsewhere.complaints).toEqual([]);
  });
});

describe("running a room", () => {
  test("a new name, topic and picture are everybody's at once, and a line says who changed them", async () => {
    await people.room("Old name");
    await nora.roomMenu("room-settings");
    await nora.get("settings-name").fill("New name");
    await nora.get("settings-topic").fill("What we talk about");
    const picture = await nora.page.evaluate(async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 200 });
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      context.fillStyle = "teal";
      context.fillRect(0, 0, 300, 200);
      return canvas.toDataURL("image/png").split(",")[1] as string;
    });
    await nora
      .get("room-picture-file")
      .setInputFiles({ name: "teal.png", mimeType: "image/png", buffer: Buffer.from(picture, "base64") });
    await nora.page.getByRole("button", { name: "Remove picture" }).waitFor();
    await nora.get("settings-save").click();
    await nora.get("room-settings-dialog").waitFor({ state: "detached" });
    for (const person of people.all) {
      await person.item("New name").waitFor();
      await person.heading("New name").waitFor();
      await person.item("New name").locator("img").waitFor();
    }
    await jonas.happened("Nora changed the room's name, topic or picture").waitFor();
    await jonas.openPanel();
    await jonas.get("member-panel").getByText("What we talk about").waitFor();
    // A member reads the settings and is told why they cannot be changed.
    await jonas.get("panel-settings").click();
    await jonas.get("room-settings-dialog").getByText("Only admins can change").first().waitFor();
    expect(await jonas.get("settings-post").isDisabled()).toBe(true);
    expect(await jonas.get("settings-save").count()).toBe(0);
    await jonas.page.keyboard.press("Escape");
    await jonas.get("close-panel").click();
  });

  test("where only admins write, members get a calm line instead of the box, until they become one", async () => {
    await people.room("Announcements");
    await nora.roomMenu("room-settings");
    await nora.get("settings-post").selectOption("admin");
    await nora.get("settings-save").click();
    for (const person of [jonas, priya]) {
      await standing(person, "member").getByText("Only admins write here.").waitFor();
      expect(await person.get("composer").count()).toBe(0);
    }
    await nora.send("closed on Monday");
    await jonas.sees("closed on Monday");
    await nora.openPanel();
    await nora.memberMenu("Jonas", "make-admin");
    await nora.page.locator('[data-testid=member][data-peer="Jonas"][data-role=admin]').waitFor();
    await nora.get("close-panel").click();
    await jonas.get("composer").waitFor();
    await jonas.happened("Nora made you an admin").waitFor();
    await jonas.send("and on Tuesday");
    await priya.sees("and on Tuesday");
    expect(await priya.get("composer").count()).toBe(0);
  });

  test("who is removed sees why and keeps what was before; the others go on without them", async () => {
    await people.room("Removal");
    await nora.send("before");
    await Promise.all([jonas, priya].map((person) => person.sees("before")));
    await nora.openPanel();
    await nora.memberMenu("Jonas", "remove-member");
    await nora.get("confirm-yes").click();
    await standing(jonas, "removed").waitFor();
    await jonas.happened("Nora removed you").waitFor();
    await jonas.sees("before");
    await jonas.item("Removal").getByText("You were removed").waitFor();
    await nora.member("Jonas").waitFor({ state: "detached" });
    await nora.get("close-panel").click();
    await nora.send("after");
    await priya.sees("after");
    expect(await jonas.message("after").count()).toBe(0);
    await jonas.get("forget").click();
    await jonas.get("confirm-yes").click();
    await jonas.item("Removal").waitFor({ state: "detached" });
  });

  test("who is banned is refused when they try again, until the ban is lifted", async () => {
    await nora.createRoom("Bans", { join: "open", people: ["Jonas"] });
    await jonas.openRoom("Bans");
    await nora.openPanel();
    await nora.memberMenu("Jonas", "ban-member");
    await nora.get("confirm-yes").click();
    await standing(jonas, "banned").waitFor();
    const tryAgain = async () => {
      await jonas.goto("/chat");
      await jonas.findRoom("Bans");
      await jonas.foundRoom("Bans").getByTestId("found-join").click();
    };
    await tryAgain();
    await jonas.page.getByText("You cannot join this room").waitFor();
    await jonas.page.keyboard.press("Escape");
    await nora.get("member-panel").getByText("Banned (1)").click();
    await nora.get("unban").click();
    await nora.get("banned-person").waitFor({ state: "detached" });
    await nora.get("close-panel").click();
    await tryAgain();
    await jonas.get("composer").waitFor();
    await nora.happened("Jonas joined").waitFor();
  });

  test("the owner hands over and leaves; the room goes on", async () => {
    await people.room("Handed over");
    await nora.openPanel();
    await nora.memberMenu("Priya", "hand-over");
    await nora.get("confirm-yes").click();
    await nora.page.locator('[data-testid=member][data-peer="Priya"][data-role=owner]').waitFor();
    await nora.get("panel-leave").click();
    await nora.get("confirm-yes").click();
    await nora.item("Handed over").waitFor({ state: "detached" });
    await jonas.happened("Nora left").waitFor();
    await priya.send("still here");
    await jonas.sees("still here");
  });

  test("a deleted room says so to all, and can be taken off the list", async () => {
    await people.room("Ends");
    await jonas.send("soon over");
    await nora.sees("soon over");
    await nora.roomMenu("delete-room");
    await nora.get("confirm").getByText("for all 3 members").waitFor();
    await nora.get("confirm-yes").click();
    for (const person of [jonas, priya]) await standing(person, "deleted").waitFor();
    await jonas.get("forget").click();
    await jonas.get("confirm-yes").click();
    await jonas.item("Ends").waitFor({ state: "detached" });
  });
});

describe("the list", () => {
  test("favourites stand on top, archived ones behind a door, and a reload keeps both", async () => {
    await people.room("Favourite one");
    await nora.createRoom("Archived one");
    await nora.itemMenu("Favourite one", "favourite");
    await nora.get("favourites").locator('[data-peer="Favourite one"]').waitFor();
    await nora.goto("/chat");
    await nora.itemMenu("Archived one", "archive");
    await nora.item("Archived one").waitFor({ state: "detached" });
    await nora.get("archived").getByText("Archived (1)").waitFor();
    await nora.page.reload();
    await nora.get("favourites").locator('[data-peer="Favourite one"]').waitFor();
    expect(await nora.item("Archived one").count()).toBe(0);
    await nora.get("archived").click();
    await nora.itemMenu("Archived one", "unarchive");
    await nora.get("archived").waitFor({ state: "detached" });
    await nora.item("Archived one").waitFor();
    await nora.itemMenu("Favourite one", "unfavourite");
    await nora.get("favourites").waitFor({ state: "detached" });
  });

  test("Ctrl+K finds a room by some letters of its name", async () => {
    await nora.createRoom("Kitchen table");
    await nora.goto("/chat");
    await nora.item("Kitchen table").waitFor();
    await nora.page.keyboard.press("Control+k");
    await nora.get("switcher-input").fill("ktchn");
    await nora.get("switcher").locator("[aria-selected=true]", { hasText: "Kitchen table" }).waitFor();
    await nora.page.keyboard.press("Enter");
    await nora.heading("Kitchen table").waitFor();
  });

  test("a fresh browser of a member has the room, its name and all that was written", async () => {
    await people.room("Kept");
    await nora.send("one");
    await jonas.send("two");
    await priya.send("three");
    for (const person of people.all) for (const text of ["one", "two", "three"]) await person.sees(text);
    await using elsewhere = await Person.open(people.browser, people.server.port, priya.account);
    await elsewhere.logIn();
    await elsewhere.openRoom("Kept");
    for (const text of ["one", "two", "three"]) await elsewhere.sees(text);
    await elsewhere.send("four, from elsewhere");
    await Promise.all(people.all.map((person) => person.sees("four, from elsewhere")));
    expect(elsewhere.complaints).toEqual([]);
  });
});
