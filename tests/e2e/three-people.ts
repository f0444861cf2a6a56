// Nora, Jonas and Priya, each in a browser of their own, who are one another's contacts.
import type { Browser, Locator } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { ServerProcess } from "../support/server-process.ts";
import { account, Person } from "./person.ts";

export class ThreePeople implements AsyncDisposable {
  private constructor(
    readonly server: ServerProcess,
    readonly browser: Browser,
    readonly nora: Person,
    readonly jonas: Person,
    readonly priya: Person,
  ) {}

  static async start(): Promise<ThreePeople> {
    const server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
    const browser = await launchBrowser();
    const open = (nickname: string) => Person.open(browser, server.port, account(nickname));
    const [nora, jonas, priya] = await Promise.all([open("Nora"), open("Jonas"), open("Priya")]);
    await Promise.all([nora, jonas, priya].map((person) => person.register()));
    await Promise.all([
      nora.addContact(jonas.account.email).then(() => nora.addContact(priya.account.email)),
      jonas.addContact(nora.account.email),
      priya.addContact(nora.account.email),
    ]);
    return new ThreePeople(server, browser, nora, jonas, priya);
  }

  get all(): readonly Person[] {
    return [this.nora, this.jonas, this.priya];
  }

  /** Everybody where nothing is open, whatever became of the test before. */
  async startAfresh(): Promise<void> {
    await Promise.all(this.all.map((person) => person.goto("/chat").then(() => person.get("new-chat").waitFor())));
  }

  /** What the browsers complained of since the last call, with the name of whose browser it was. */
  complaints(): string[] {
    return this.all.flatMap(({ account: { nickname }, complaints }) =>
      complaints.splice(0).map((text) => `${nickname}: ${text}`),
    );
  }

  /** A room of the three that Nora owns, open at all of them. */
  async room(name: string): Promise<void> {
    await this.nora.createRoom(name, { people: ["Jonas", "Priya"] });
    for (const person of [this.jonas, this.priya]) {
      await person.openRoom(name);
      await person.get("composer").waitFor();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const person of this.all) await person[Symbol.asyncDispose]();
    await this.browser.close();
    await this.server[Symbol.asyncDispose]();
  }
}

/** The bar that stands where one would write, for this reason. */
export const standing = (person: Person, wanted: string): Locator =>
  person.page.locator(`[data-testid=room-bar][data-standing=${wanted}]`);
