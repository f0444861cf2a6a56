// Makes the pictures in docs/images anew: a real server, people who talk through the SDK, and what their browsers show.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ChatClient, type ConversationView, createClient, type FileToSend, type MessageView } from "@cychat/sdk/bun";
import { startTestServer } from "../apps/server/src/testing/test-server.ts";
import { drawLandscape } from "../tests/browser/draw-landscape.ts";
import { launchBrowser } from "../tests/browser/launch.ts";

type Page = Awaited<ReturnType<Awaited<ReturnType<typeof launchBrowser>>["newPage"]>>;

const folder = join(import.meta.dir, "../docs/images");
const desktop = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };
const timeZone = "Europe/Zurich";

// The same days and times in every run: this process, which is server and clients, lives on them. The database, which
// is a thread of its own, does not: its times are set in the end.
const today = "2026-05-21";
const yesterday = "2026-05-20";
const realNow = Date.now;
let shiftMs = 0;
Date.now = () => realNow() + shiftMs;
const moment = (day: string, time: string) => Date.parse(`${day}T${time}:00+02:00`);

function itIs(day: string, time: string): void {
  shiftMs = moment(day, time) - realNow();
}

const committedAtMs = new Map<string, number>();

type ChatMember = Awaited<ReturnType<ChatClient["contacts"]>>[number]["id"];

class Friend {
  #chat: ConversationView["id"] | null = null;

  private constructor(
    readonly client: ChatClient,
    readonly email: string,
    readonly password: string,
  ) {}

  static async register(url: string, nickname: string): Promise<Friend> {
    const [first = nickname] = nickname.toLowerCase().split(" ");
    const friend = new Friend(
      await createClient({ url, deviceName: "Phone" }),
      `${first}@example.org`,
      `the password of ${first}`,
    );
    await friend.client.register({ nickname, email: friend.email, password: friend.password });
    return friend;
  }

  async add(other: Friend): Promise<void> {
    const contact = await this.client.addContact({ email: other.email });
    this.#chat = (await this.client.openDirect(contact.id)).id;
  }

  async openChatWith(other: Friend): Promise<void> {
    const contact = (await this.client.contacts()).find(({ email }) => email === other.email);
    if (contact) this.#chat = (await this.client.openDirect(contact.id)).id;
    else await this.add(other);
  }

  get chat(): ConversationView["id"] {
    if (this.#chat === null) throw new Error("nobody was added yet");
    return this.#chat;
  }

  /** What is said from now on is said here. */
  goTo(conversation: ConversationView["id"]): void {
    this.#chat = conversation;
  }

  /** `mentions`: whom the text names. */
  say(text: string, mentions: readonly ChatMember[] = []): Promise<void> {
    return this.#send(() => this.client.sendText(this.chat, text, { mentions }));
  }

  share(caption: string, files: readonly FileToSend[]): Promise<void> {
    return this.#send(() => this.client.sendFiles(this.chat, files, { caption }));
  }

  /** Resolves once the server has it. */
  async #send(send: () => Promise<MessageView>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sent: { id?: string } = {};
    const known = new Set<string>();
    const stop = this.client.subscribe((event) => {
      if (event.type !== "messages") return;
      for (const { id, seq } of event.messages) if (seq !== null) known.add(id);
      if (sent.id !== undefined && known.has(sent.id)) resolve();
    });
    sent.id = (await send()).id;
    committedAtMs.set(sent.id, Date.now());
    if (known.has(sent.id)) resolve();
    await promise;
    stop();
  }

  /** Resolves once a room is here that somebody else made. */
  async hasRoom(id: ConversationView["id"]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = async () => {
      if ((await this.client.conversations()).some((view) => view.id === id && view.room?.standing === "member")) resolve();
    };
    const stop = this.client.subscribe(() => void look());
    await look();
    await promise;
    stop();
  }

  /** Resolves once the newest message here is this one; then it is read. */
  async readUpTo(text: string): Promise<void> {
    const newest = async () =>
      (await this.client.history(this.chat, { limit: 5 })).messages.findLast(({ kind }) => kind !== "system");
    const { promise, resolve } = Promise.withResolvers<number>();
    const look = async () => {
      const message = await newest();
      if (message?.text === text && message.seq !== null) resolve(message.seq);
    };
    const stop = this.client.subscribe(() => void look());
    await look();
    await this.client.markRead(this.chat, await promise);
    stop();
  }
}

type Line = readonly [from: "nora" | "friend", day: string, time: string, text: string];

const withJonas: readonly Line[] = [
  ["friend", yesterday, "18:41", "Are we still on for the lake on Saturday?"],
  ["nora", yesterday, "18:44", "Yes! The forecast says dry until the evening."],
  ["friend", yesterday, "18:45", "Perfect. Then I bring the stove and the big pot 🍲"],
  ["friend", yesterday, "18:46", "My sister would like to come too, is that all right?"],
  ["nora", today, "08:12", "She is very welcome 😊"],
  ["nora", today, "08:12", "Our train: https://trains.example.org/lake?day=saturday"],
  ["friend", today, "08:20", "I take the one before and save us the seats by the window."],
  ["friend", today, "12:02", "Another thing: my cousin wants a chat like this for her choir. Was it hard to set up?"],
  ["nora", today, "12:05", "Two commands, it runs on the old laptop in the hall:\n```sh\nnpm ci\nnpm start\n```"],
  ["friend", today, "12:06", "That is all?"],
  ["nora", today, "12:07", "That is all. And nobody but us can read it, not even the laptop."],
  ["friend", today, "12:08", "🎉"],
];

const longText = [
  "I promised to write down how the soup goes, so here it is.",
  "Cut two onions and a leek into rings and let them become soft in butter, slowly, without any colour. That takes longer than one thinks: a quarter of an hour at least, and it is the part that decides how the soup tastes in the end.",
  "Peel six potatoes and three carrots, cut them small, and stir them in until they shine. Then comes a litre and a half of broth, a bay leaf, and a little nutmeg. Let it simmer for half an hour with the lid on.",
  "Take out the leaf. Crush half of the potatoes against the side of the pot, so that the soup becomes creamy while there is still something to bite on. Salt, pepper, and a spoon of sharp mustard, which nobody will taste and everybody would miss.",
  "At the lake it only has to become warm again. I bring bread and the chives in a jar, they go in last. If your sister eats no butter, tell me, then I take oil, and it is nearly as good.",
  "And bring bowls, please. Last time we had the pot, the stove, the ladle and five spoons, and ate from the lid in turns.",
].join("\n\n");

const withAyumi: readonly Line[] = [
  ["nora", yesterday, "16:20", longText],
  ["friend", yesterday, "16:32", "Thank you, I will try it tonight!"],
  ["friend", yesterday, "16:33", "وصفة رائعة! سأجربها مع أمي في عطلة نهاية الأسبوع."],
  [
    "nora",
    yesterday,
    "16:40",
    [
      "For the list I use a little script:",
      "```ts",
      "const servings = 6;",
      "for (const [name, grams] of Object.entries(ingredients)) {",
      "  console.log(name, (grams * servings) / 4, 'g'); // four people is what the recipe is written for",
      "}",
      "```",
    ].join("\n"),
  ],
  ["friend", yesterday, "16:41", "😂"],
  ["friend", today, "13:30", "The photos from the concert are so good!"],
  ["friend", today, "13:31", "I send you the best ones tonight."],
];

/** `unread`: how many of the last lines nobody has looked at yet. */
async function talk(nora: Friend, friend: Friend, lines: readonly Line[], unread = 0): Promise<void> {
  await nora.openChatWith(friend);
  await friend.openChatWith(nora);
  for (const [index, [from, day, time, text]] of lines.entries()) {
    itIs(day, time);
    const [speaker, listener] = from === "nora" ? [nora, friend] : [friend, nora];
    await speaker.say(text);
    if (index < lines.length - unread) await listener.readUpTo(text);
  }
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  // The day of what is at the top hangs over it for a moment after the page has moved.
  await page.locator(".moving").waitFor({ state: "detached" });
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));
  await page.screenshot({ path: join(folder, `${name}.png`) });
  console.log(`docs/images/${name}.png`);
}

mkdirSync(folder, { recursive: true });
itIs("2026-05-04", "19:00");
await using server = await startTestServer();
await using browser = await launchBrowser();

const open = async (viewport: { width: number; height: number }, path: string, more: object = {}) => {
  const settings = { viewport, locale: "en-GB", timezoneId: timeZone, colorScheme: "light", ...more } as const;
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  await page.addInitScript((ms) => {
    const RealDate = Date;
    globalThis.Date = class extends RealDate {
      constructor(...given: unknown[]) {
        if (given.length > 0) super(...(given as [number]));
        else super(RealDate.now() + ms);
      }
      static override now(): number {
        return RealDate.now() + ms;
      }
    } as DateConstructor;
  }, shiftMs);
  await page.goto(server.url + path);
  return page;
};

const [nora, jonas, ayumi, rosa, priya, tomasz] = (await Promise.all(
  ["Nora", "Jonas Berg", "Ayumi", "Grandma Rosa", "Priya", "Tomasz"].map((name) => Friend.register(server.url, name)),
)) as [Friend, Friend, Friend, Friend, Friend, Friend];

await talk(nora, rosa, [
  ["friend", "2026-05-17", "10:15", "Thank you for the flowers, my dear!"],
  ["nora", "2026-05-17", "11:02", "With love, and see you on Sunday ❤️"],
]);
await talk(nora, priya, [
  ["nora", "2026-05-18", "09:30", "Is the meeting at ten or at half past?"],
  ["friend", "2026-05-18", "09:31", "Half past. I keep you a coffee."],
  ["nora", "2026-05-18", "09:32", "You are the best"],
]);
await nora.client.setMuted(nora.chat, true);
await talk(nora, ayumi, withAyumi.slice(0, 5));
await talk(nora, jonas, withJonas.slice(0, 4));
await talk(nora, jonas, withJonas.slice(4));
await nora.client.setVerified(nora.chat, true);
await talk(nora, ayumi, withAyumi.slice(5), 2);
itIs(today, "13:40");
await tomasz.add(nora);
await tomasz.say("Hello Nora, Jonas gave me your address. I have a question about the choir.");
const roomName = "Lake on Saturday";
await makeRoom();
itIs(today, "13:41");
await nora.client.prepareRecoveryKey({ password: nora.password });
await nora.client.confirmRecoveryKey();
await rosa.client.close();
await priya.client.close();
itIs(today, "13:42");
await server.core.db
  .updateTable("entries")
  .set({ at_ms: moment(yesterday, "20:00") })
  .where("kind", "=", "record")
  .execute();
for (const [id, at_ms] of committedAtMs)
  await server.core.db.updateTable("entries").set({ at_ms }).where("message_id", "=", id).execute();

/** A room of Nora's, with three of her friends in it. */
async function makeRoom(): Promise<void> {
  itIs(yesterday, "20:00");
  const contacts = await nora.client.contacts();
  const idOf = (friend: Friend) => contacts.find(({ email }) => email === friend.email)?.id as ChatMember;
  const people = [jonas, ayumi, rosa].map(idOf);
  const topic = "Trains, food, and who brings what.";
  const { id } = await nora.client.createRoom({ name: roomName, topic, join: "invitation", history: "shared", people });
  const me = (await nora.client.roomPeople(id)).members.find(({ isMe }) => isMe)?.id as ChatMember;
  for (const friend of [nora, jonas, ayumi]) friend.goTo(id);
  await Promise.all([jonas, ayumi].map((friend) => friend.hasRoom(id)));
  itIs(yesterday, "20:02");
  await nora.say("Here we plan the weekend. Who brings what?");
  itIs(yesterday, "20:05");
  await jonas.say("Stove and pot, as always 🍲");
  itIs(yesterday, "20:06");
  await ayumi.say("Bread and the good cheese. @Nora do you have a second tent?", [me]);
  itIs(today, "09:10");
  await nora.say("I do. @Jonas Berg takes the big one.", [idOf(jonas)]);
  itIs(today, "09:14");
  const water = "Only if somebody else carries the water 😄";
  await jonas.say(water);
  await nora.readUpTo(water);
  itIs(today, "09:16");
  const painter = await browser.newPage();
  const [width, height] = [1200, 675];
  const evening = new Blob([new Uint8Array(await drawLandscape(painter, width, height, "image/jpeg"))]);
  const small = new Uint8Array(await drawLandscape(painter, 160, 90, "image/jpeg"));
  await painter.close();
  await ayumi.share("Last year from the tent. And the tickets.", [
    { name: "Evening at the lake.jpg", type: "image/jpeg", blob: evening, width, height, thumbnail: small },
    { name: "Tickets Saturday.pdf", type: "application/pdf", blob: new Blob([new Uint8Array(184_000)]) },
  ]);
  const pinned = "Train at 8:12, platform 4. Meet at the kiosk.";
  itIs(today, "09:20");
  await nora.say(pinned);
  const train = (await nora.client.history(id)).messages.find(({ text }) => text === pinned);
  if (train !== undefined) await nora.client.setPinned(id, train.id, true);
  for (const friend of [jonas, ayumi]) await friend.readUpTo(pinned);
}

async function logIn(page: Page): Promise<void> {
  await page.getByTestId("login-email").fill(nora.email);
  await page.getByTestId("login-password").fill(nora.password);
  await page.getByTestId("login-password").press("Enter");
  await page.getByTestId("conversation-item").nth(3).waitFor();
}

async function openChat(page: Page, nickname: string, newest: string): Promise<void> {
  await page.locator(`[data-testid=conversation-item][data-peer="${nickname}"]`).click();
  await page.getByTestId("message-text").getByText(newest).waitFor();
  await page.getByTestId("unread-badge").and(page.locator("[aria-current=page] *")).waitFor({ state: "detached" });
  await page.mouse.move(0, 0);
}

const page = await open(desktop, "/login");
await page.getByTestId("login-email").fill(nora.email);
await page.getByTestId("login-password").fill(nora.password);
await shoot(page, "login");
await logIn(page);
await openChat(page, "Grandma Rosa", "With love");
await page.getByTestId("composer").fill("Shall I bring the cake on Sunday?");
await openChat(page, "Jonas Berg", "🎉");
await shoot(page, "chat-desktop");
await page.emulateMedia({ colorScheme: "dark" });
await shoot(page, "chat-dark");
await page.emulateMedia({ colorScheme: "light" });

await page.locator(`[data-testid=conversation-item][data-peer="${roomName}"]`).click();
await page.getByTestId("message-text").getByText("Train at 8:12").waitFor();
await page.mouse.move(0, 0);
await shoot(page, "room-desktop");
await page.getByTestId("room-header").click();
await page.getByTestId("member").nth(3).waitFor();
await page.mouse.move(0, 0);
await page.emulateMedia({ colorScheme: "dark" });
await shoot(page, "room-members-dark");
await page.emulateMedia({ colorScheme: "light" });
await page.getByTestId("close-panel").click();
await page.getByTestId("new-chat").click();
await page.getByTestId("new-room").click();
await page.getByTestId("room-name").fill("Choir");
await shoot(page, "room-create");
await page.keyboard.press("Escape");
await page.getByTestId("create-room").waitFor({ state: "detached" });

const small = await open(phone, "/login", { hasTouch: true, isMobile: true });
await logIn(small);
await openChat(small, "Jonas Berg", "🎉");
await shoot(small, "chat-phone");
await small.goBack();
await small.locator(`[data-testid=conversation-item][data-peer="${roomName}"]`).click();
await small.getByTestId("message-text").getByText("Train at 8:12").waitFor();
await shoot(small, "room-phone");
await small.context().close();

await page.getByTestId("profile-link").click();
await page.getByTestId("session").first().waitFor();
await page.mouse.move(0, 0);
await shoot(page, "profile");

await openChat(page, "Ayumi", "I send you the best ones tonight.");
await shoot(page, "long-text");

await openChat(page, "Jonas Berg", "🎉");
await page.context().setOffline(true);
await page.getByTestId("offline-banner").waitFor();
await page.getByTestId("composer").fill("I am in the tunnel, but I can write all the same.");
await page.getByTestId("composer").press("Enter");
await page.locator("[data-testid=message][data-state=sending]").waitFor();
await page.getByTestId("composer").fill("See you on Saturday");
await shoot(page, "offline");

const newcomer = await open(desktop, "/register");
await newcomer.getByTestId("register-nickname").fill("Elif");
await newcomer.getByTestId("register-email").fill("elif@example.org");
await newcomer.getByTestId("register-password").fill("a garden full of snails");
await newcomer.getByTestId("register-submit").click();
await newcomer.getByTestId("recovery-words").waitFor();
await newcomer.locator("svg[role=img]").waitFor();
await shoot(newcomer, "recovery");
await newcomer.getByTestId("recovery-later").click();
await newcomer.getByTestId("new-chat").waitFor();
await newcomer.getByText("Welcome, Elif.").waitFor();
await shoot(newcomer, "empty");

const logo = await browser.newPage({ viewport: { width: 256, height: 256 } });
await logo.goto(`${server.url}/favicon.svg`);
await logo.screenshot({ path: join(folder, "logo.png"), omitBackground: true });
console.log("docs/images/logo.png");

await Promise.all([nora, jonas, ayumi, tomasz].map(({ client }) => client.close()));
