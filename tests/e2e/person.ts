// One person in a browser of their own, behind a connection of their own that can be cut.
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";
import { TcpProxy } from "../support/tcp-proxy.ts";

export interface Account {
  readonly nickname: string;
  readonly email: string;
  readonly password: string;
}

export function account(nickname: string): Account {
  return { nickname, email: `${nickname.toLowerCase()}@example.org`, password: `correct horse ${nickname}` };
}

export class Person implements AsyncDisposable {
  private constructor(
    readonly account: Account,
    readonly proxy: TcpProxy,
    readonly context: BrowserContext,
    readonly page: Page,
    /** Errors on the page's console, content-security violations among them. */
    readonly complaints: string[],
  ) {}

  /** A fresh, empty browser profile on the log-in page. */
  static async open(
    browser: Browser,
    serverPort: number,
    who: Account,
    screen: { width: number; height: number } = { width: 1280, height: 800 },
    { record = true, ...more }: BrowserContextOptions & { readonly record?: boolean } = {},
  ): Promise<Person> {
    const proxy = await TcpProxy.start({ targetPort: serverPort, record });
    const context = await browser.newContext({ viewport: screen, locale: "en-GB", ...more });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // A refusal that the app handles is still an error to the browser's console; cut connections are, too.
      if (message.type() === "error" && !/^Failed to load resource|WebSocket connection to/.test(message.text()))
        complaints.push(message.text());
    });
    await page.exposeBinding("reportViolation", (_source, violation: string) => complaints.push(violation));
    await page.addInitScript(() =>
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
        (globalThis as unknown as { reportViolation(text: string): void }).reportViolation(`${violatedDirective}: ${blockedURI}`),
      ),
    );
    const person = new Person(who, proxy, context, page, complaints);
    await page.goto(`${proxy.url}/login`);
    return person;
  }

  get(testid: string): Locator {
    return this.page.getByTestId(testid);
  }

  async goto(path: string): Promise<void> {
    await this.page.goto(this.proxy.url + path);
  }

  /** Up to the recovery key, which is offered before the chats. */
  async startRegistration(): Promise<void> {
    const { page } = this;
    await this.goto("/register");
    await page.getByTestId("register-nickname").fill(this.account.nickname);
    await page.getByTestId("register-email").fill(this.account.email);
    await page.getByTestId("register-password").fill(this.account.password);
    await page.getByTestId("register-submit").click();
    await page.getByTestId("recovery-later").waitFor();
  }

  async register(): Promise<void> {
    await this.startRegistration();
    await this.get("recovery-later").click();
    await this.get("new-chat").waitFor();
  }

  async logIn(password = this.account.password): Promise<void> {
    const { page } = this;
    await page.getByTestId("login-email").fill(this.account.email);
    await page.getByTestId("login-password").fill(password);
    await page.getByTestId("login-submit").click();
  }

  async addContact(email: string): Promise<void> {
    const { page } = this;
    await page.getByTestId("new-chat").click();
    await page.getByTestId("add-contact-input").fill(email);
    await page.getByTestId("add-contact-submit").click();
    await page.getByTestId("composer").waitFor();
  }

  /** Somebody's line in the list of chats. */
  item(nickname: string): Locator {
    return this.page.locator(`[data-testid=conversation-item][data-peer="${nickname}"]`);
  }

  request(nickname: string): Locator {
    return this.page.locator(`[data-testid=request-item][data-peer="${nickname}"]`);
  }

  message(text: string): Locator {
    return this.get("message").filter({ has: this.page.locator("[data-testid=message-text]", { hasText: text }) });
  }

  async openChat(nickname: string): Promise<void> {
    await this.item(nickname).click();
    await this.page.getByTestId("composer").waitFor();
  }

  async send(text: string): Promise<void> {
    await this.page.getByTestId("composer").fill(text);
    await this.page.getByTestId("composer").press("Enter");
  }

  /** The texts on the screen, oldest first. */
  async texts(): Promise<string[]> {
    return this.page.getByTestId("message-text").allInnerTexts();
  }

  /** Waits until a message with exactly this text is on the screen. */
  async sees(text: string): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => [...document.querySelectorAll("[data-testid=message-text]")].some((element) => element.textContent === wanted),
      text,
    );
  }

  /** Scrolls up until the start of the history, and gives back every message seen on the way by its number. */
  async readWholeHistory(): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    await this.get("timeline").hover();
    for (;;) {
      const { rows, isAtStart } = await this.page.evaluate(() => ({
        rows: [...document.querySelectorAll<HTMLElement>("[data-testid=message]")].map((element) => ({
          seq: Number(element.dataset.seq),
          text: element.querySelector("[data-testid=message-text]")?.textContent ?? "",
        })),
        isAtStart: document.querySelector("[data-testid=timeline-start]") !== null,
      }));
      for (const row of rows) found.set(row.seq, row.text);
      if (isAtStart) return found;
      await this.page.mouse.wheel(0, -100_000);
      await this.page.waitForFunction(
        (firstSeq) =>
          document.querySelector("[data-testid=timeline-start]") !== null ||
          Number(document.querySelector<HTMLElement>("[data-testid=message]")?.dataset.seq) !== firstSeq,
        rows[0]?.seq,
      );
    }
  }

  /** Makes a room in the dialog, with these contacts in it, and waits until one can write in it. */
  async createRoom(
    name: string,
    { people = [], join, history }: { people?: readonly string[]; join?: string; history?: string } = {},
  ): Promise<void> {
    await this.get("new-chat").click();
    await this.get("new-room").click();
    await this.get("room-name").fill(name);
    for (const nickname of people) await this.page.locator(`[data-testid=pick-person][data-peer="${nickname}"]`).click();
    if (join) await this.get("room-join").locator(`input[value=${join}]`).check();
    if (history) await this.get("room-history").locator(`input[value=${history}]`).check();
    await this.get("create-room-submit").click();
    await this.get("create-room").waitFor({ state: "detached" });
    await this.heading(name).waitFor();
    await this.get("composer").waitFor();
  }

  /** The name above a room that is open. */
  heading(name: string): Locator {
    return this.get("room-header").getByText(name, { exact: true });
  }

  /** Opens a room from the list, whether one can write in it or not. */
  async openRoom(name: string): Promise<void> {
    await this.item(name).click();
    await this.heading(name).waitFor();
  }

  /** Opens the dialog for joining and searches in it. */
  async findRoom(search: string, name = search): Promise<void> {
    await this.get("new-chat").click();
    await this.get("join-room").click();
    await this.get("find-room").fill(search);
    await this.foundRoom(name).waitFor();
  }

  foundRoom(name: string): Locator {
    return this.page.locator(`[data-testid=found-room][data-peer="${name}"]`);
  }

  /** Picks an entry of the open room's menu. */
  async roomMenu(testid: string): Promise<void> {
    await this.get("conversation-menu").click();
    await this.get(testid).click();
  }

  async openPanel(): Promise<void> {
    await this.get("room-header").click();
    await this.get("member-panel").waitFor();
  }

  member(nickname: string): Locator {
    return this.page.locator(`[data-testid=member][data-peer="${nickname}"]`);
  }

  /** Picks what to do with a member of the room whose panel is open. */
  async memberMenu(nickname: string, testid: string): Promise<void> {
    await this.member(nickname).getByTestId("member-menu").click();
    await this.get(testid).click();
  }

  /** A line of the timeline that says what happened. */
  happened(text: string): Locator {
    return this.get("system-line").getByText(text, { exact: true });
  }

  async messageMenu(text: string, testid: string): Promise<void> {
    await this.message(text).hover();
    await this.message(text).getByTestId("message-menu").click();
    await this.get(testid).click();
  }

  async itemMenu(name: string, testid: string): Promise<void> {
    await this.item(name).click({ button: "right" });
    await this.get(testid).click();
  }

  goOffline(): void {
    this.proxy.cut();
  }

  goOnline(): void {
    this.proxy.restore();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
    await this.proxy[Symbol.asyncDispose]();
  }
}
