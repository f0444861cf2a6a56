import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { account, Person } from "./person.ts";
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

describe("a room of three people in Chromium", () => {
  test("is made with two contacts, and all three talk in it", async () => {
    await people.room("Hike");
    await nora.send("Hello you two");
    await Promise.all([jonas, priya].map((person) => person.sees("Hello you two")));
    await jonas.send("Hello Nora");
    await priya.send("Hello both");
    for (const person of people.all) await Promise.all(["Hello Nora", "Hello both"].map((text) => person.sees(text)));

    // Each run says who wrote it, and the list says who was last.
    await priya.message("Hello Nora").getByText("Jonas", { exact: true }).waitFor();
    await nora.item("Hike").getByText("Priya:").waitFor();
    await nora.happened("You made this room").waitFor();
    await jonas.happened("Nora made this room").waitFor();
    await nora.get("room-header").getByText("3 members").waitFor();
    await nora.message("Hello you two").getByTestId("read-by").getByText("Read by 2").waitFor();

    await jonas.get("composer").pressSequentially("I am");
    await nora.get("room-header").getByText("Jonas is typing…").waitFor();
    await jonas.get("composer").fill("");
    await nora.get("room-header").getByText("3 members").waitFor();
  });

  test("without a connection what one writes waits, and arrives when it is back", async () => {
    await people.room("Offline");
    jonas.goOffline();
    await jonas.get("offline-banner").waitFor();
    await jonas.send("written in the tunnel");
    await nora.send("meanwhile");
    jonas.goOnline();
    await Promise.all([nora, priya].map((person) => person.sees("written in the tunnel")));
    await jonas.sees("meanwhile");
    await jonas.get("offline-banner").waitFor({ state: "detached" });
  });
});

describe("coming in", () => {
  test("an open room is found by its name, and one is in while a member is online", async () => {
    await nora.createRoom("Gardening", { join: "open" });
    await nora.send("The first tomatoes are ripe");
    await jonas.findRoom("garden", "Gardening");
    await jonas.foundRoom("Gardening").getByText("1 member").waitFor();
    await jonas.foundRoom("Gardening").getByTestId("found-join").click();
    await jonas.get("composer").waitFor();
    await jonas.sees("The first tomatoes are ripe");
    await nora.happened("Jonas joined").waitFor();
    await jonas.send("And they are good");
    await nora.sees("And they are good");
  });

  test("who asks to come in waits, in words, until an admin lets them in or declines", async () => {
    await nora.createRoom("Parents", { join: "approval" });
    await nora.send("Meeting on Tuesday");
    for (const person of [jonas, priya]) {
      await person.findRoom("Parents");
      await person.foundRoom("Parents").getByTestId("found-join").click();
      await standing(person, "pending").getByText("An admin will answer you.").waitFor();
      await person.item("Parents").getByText("Waiting to be let in").waitFor();
    }
    await nora.get("asking").getByText("2", { exact: true }).waitFor();
    await nora.get("asking").click();
    const request = (nickname: string) => nora.page.locator(`[data-testid=join-request][data-peer="${nickname}"]`);
    await request("Jonas").getByTestId("admit").click();
    await jonas.get("composer").waitFor();
    await jonas.sees("Meeting on Tuesday");
    await request("Priya").getByTestId("decline").click();
    await standing(priya, "declined").getByText("You were not let into Parents").waitFor();
    await priya.item("Parents").getByText("You were not let in").waitFor();
    await priya.get("withdraw").click();
    await priya.item("Parents").waitFor({ state: "detached" });
    await nora.get("join-requests").waitFor({ state: "detached" });
    await nora.get("close-panel").click();
  });

  test("one may change one's mind while one waits", async () => {
    await nora.createRoom("Slow", { join: "approval" });
    await jonas.findRoom("Slow");
    await jonas.foundRoom("Slow").getByTestId("found-join").click();
    await jonas.get("withdraw").click();
    await jonas.item("Slow").waitFor({ state: "detached" });
    expect(new URL(jonas.page.url()).pathname).toBe("/chat");
    await nora.get("asking").waitFor({ state: "detached" });
  });

  test("somebody new comes in by a link in a browser that is not logged in, while nobody else is online", async () => {
    await nora.createRoom("Party");
    await nora.send("Bring a cake");
    await nora.page.locator("[data-testid=message]:is([data-state=sent],[data-state=delivered])").waitFor();
    await nora.roomMenu("invite-links");
    await nora.get("invite-uses").selectOption("5");
    await nora.get("create-invite").click();
    const link = (await nora.get("invite-link").first().textContent()) as string;
    await nora.page.getByRole("img", { name: "Invite link as a QR code" }).waitFor();
    await nora.page.keyboard.press("Escape");
    const secret = new URL(link).hash;
    expect(secret).toMatch(/^#v1\.[\w-]{43}\.[\w-]{43}$/);
    for (const person of people.all) person.goOffline();

    await using guest = await Person.open(people.browser, people.server.port, account("Greta"));
    const sent: string[] = [];
    const part = secret.split(".").at(-1) as string;
    guest.page.on("request", (request) => {
      if (request.url().includes(part) || request.postData()?.includes(part)) sent.push(request.url());
    });
    await guest.goto(`/join${secret}`);
    await guest.get("invited-note").waitFor();
    expect(guest.page.url()).not.toContain(part);
    await guest.page.getByRole("link", { name: "Make an account" }).click();
    await guest.get("register-nickname").fill(guest.account.nickname);
    await guest.get("register-email").fill(guest.account.email);
    await guest.get("register-password").fill(guest.account.password);
    await guest.get("register-submit").click();
    await guest.get("recovery-later").click();
    await guest.get("invite-preview").getByRole("heading", { name: "Party" }).waitFor();
    await guest.get("invite-preview").getByText("1 member").waitFor();
    await guest.get("invite-join").click();
    await guest.sees("Bring a cake");
    await guest.send("I bring two");
    await guest.page.locator("[data-testid=message][data-mine=true]:is([data-state=sent],[data-state=delivered])").waitFor();
    expect(sent).toEqual([]);
    expect(guest.complaints).toEqual([]);

    for (const person of people.all) person.goOnline();
    await nora.sees("I bring two");
    await nora.happened("Greta joined by an invite link").waitFor();

    // Withdrawn, it lets nobody in any more.
    await nora.roomMenu("invite-links");
    await nora.get("end-invite").first().click();
    await nora.get("confirm-yes").click();
    await nora.get("invite").waitFor({ state: "detached" });
    await nora.page.keyboard.press("Escape");
    await priya.goto(`/join${secret}`);
    await priya.page.getByText("This invite link has expired, was used up, or was withdrawn.").waitFor();
    await priya.get("invite-failed").getByText("To my chats").click();
  });

  test("somebody is added by e-mail address, and reads what was written before", async () => {
    await nora.createRoom("Choir");
    await nora.send("Notes are in the cupboard");
    await nora.roomMenu("add-people");
    await nora.get("add-member-input").fill("nobody@example.org");
    await nora.get("add-member-submit").click();
    await nora.get("add-member-error").waitFor();
    await nora.get("add-member-input").fill(priya.account.email);
    await nora.get("add-member-submit").click();
    await nora.page.getByText("was added", { exact: false }).first().waitFor();
    await nora.page.keyboard.press("Escape");
    await nora.happened("You added Priya").waitFor();
    await priya.openRoom("Choir");
    await priya.sees("Notes are in the cupboard");
  });
});

describe("writing in a room", () => {
  test("mentions are completed by keyboard, stand out, and show in the list", async () => {
    await people.room("Mentions");
    await priya.openRoom("Mentions");
    await jonas.goto("/chat");
    const { keyboard } = nora.page;
    await nora.get("composer").focus();
    await keyboard.type("Listen @jo");
    await nora.page.locator("[data-testid=mention-option][aria-selected=true]", { hasText: "Jonas" }).waitFor();
    await keyboard.press("Enter");
    expect(await nora.get("composer").inputValue()).toBe("Listen @Jonas ");
    await keyboard.type("and @");
    await nora.get("mention-option").nth(1).waitFor();
    await keyboard.press("ArrowDown");
    await keyboard.press("Escape");
    await nora.get("mention-list").waitFor({ state: "detached" });
    await keyboard.type("pri");
    await nora.page.locator("[data-testid=mention-option][aria-selected=true]", { hasText: "Priya" }).waitFor();
    await keyboard.press("Tab");
    await keyboard.type("please");
    await keyboard.press("Enter");
    await priya.sees("Listen @Jonas and @Priya please");
    expect(await priya.message("Listen").locator(".mention").allInnerTexts()).toEqual(["@Jonas", "@Priya"]);
    expect(await priya.message("Listen").locator(".mention.me").allInnerTexts()).toEqual(["@Priya"]);
    await jonas.item("Mentions").getByTestId("mention-badge").waitFor();
    await jonas.openRoom("Mentions");
    await jonas.sees("Listen @Jonas and @Priya please");
    await jonas.item("Mentions").getByTestId("mention-badge").waitFor({ state: "detached" });

    // Only who moderates can call everybody.
    await jonas.get("composer").pressSequentially("@al");
    expect(await jonas.get("mention-list").getByText("Everybody in this room").count()).toBe(0);
    await jonas.get("composer").fill("");
    await nora.get("composer").pressSequentially("@al");
    await nora.get("mention-option").getByText("Everybody in this room").click();
    await keyboard.type("wake up");
    await keyboard.press("Enter");
    await jonas.sees("@all wake up");
    expect(await jonas.message("wake up").locator(".mention.me").allInnerTexts()).toEqual(["@all"]);
  });

  test("↑ in an empty box takes the last own message to be changed, Escape leaves it as it was", async () => {
    await people.room("Edits");
    await nora.send("see you at sevn");
    await jonas.sees("see you at sevn");
    const { keyboard } = nora.page;
    await nora.get("composer").focus();
    await keyboard.press("ArrowUp");
    await nora.get("editing").waitFor();
    expect(await nora.get("composer").inputValue()).toBe("see you at sevn");
    await keyboard.press("Escape");
    await nora.get("editing").waitFor({ state: "detached" });
    expect(await nora.get("composer").inputValue()).toBe("");
    await keyboard.press("ArrowUp");
    await nora.get("composer").fill("see you at seven");
    await keyboard.press("Enter");
    for (const person of people.all) {
      await person.sees("see you at seven");
      await person.message("see you at seven").getByTestId("edited").waitFor();
      expect(await person.message("sevn").count()).toBe(0);
    }
    await nora.page.reload();
    await nora.sees("see you at seven");
    await nora.message("see you at seven").getByTestId("edited").waitFor();
  });

  test("a pinned message stands above the conversation for all, leads to its place, and is taken off again", async () => {
    await people.room("Pins");
    await nora.send("The key is under the pot");
    await jonas.sees("The key is under the pot");
    for (let n = 1; n <= 30; n++) await nora.send(`line ${n}`);
    await jonas.sees("line 30");
    await nora.page.locator("[data-testid=message][data-state=sending]").first().waitFor({ state: "detached" });
    await nora.page.mouse.move(700, 400);
    await nora.get("timeline").hover();
    await nora.page.mouse.wheel(0, -5000);
    await nora.messageMenu("The key is under the pot", "message-pin");
    for (const person of people.all) await person.get("pinned-bar").getByText("The key is under the pot").waitFor();
    await jonas.happened("Nora pinned a message").waitFor();
    await jonas.get("pinned-jump").click();
    await jonas.page.locator("article:focus", { hasText: "The key is under the pot" }).waitFor();
    await nora.get("unpin").click();
    for (const person of people.all) await person.get("pinned-bar").waitFor({ state: "detached" });
  });

  test("who moderates may delete what others wrote, and everybody sees who did", async () => {
    await people.room("Moderation");
    await jonas.send("something rude");
    await jonas.send("something nice");
    await nora.sees("something nice");
    await nora.messageMenu("something rude", "message-delete");
    await nora.get("confirm-yes").click();
    await nora.get("timeline").getByText("You deleted this message").waitFor();
    for (const person of [jonas, priya]) {
      await person.get("timeline").getByText("Nora deleted this message as an admin").waitFor();
      expect(await person.texts()).toEqual(["something nice"]);
    }
    // A member can delete their own messages only.
    await priya.message("something nice").hover();
    await priya.message("something nice").getByTestId("message-menu").click();
    await priya.get("message-copy").waitFor();
    expect(await priya.get("message-delete").count()).toBe(0);
    await priya.page.keyboard.press("Escape");
  });
});
