// Several tabs, one client: fakes of Web Locks and BroadcastChannel, everything else as it is.
import { describe, expect, test } from "bun:test";
import type { ConversationId, MessageId } from "@cychat/protocol";
import type { ChatClient, ChatEvent, MessageView } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import { systemClock } from "../environment.ts";
import type { Channel, Locks, TabMessage } from "./channel.ts";
import { methods } from "./methods.ts";
import { connectTab } from "./tab-client.ts";

/** The platform of one browser: an exclusive lock with a queue, and channels that clone what they carry. */
class FakeBrowser {
  readonly #channels = new Set<FakeChannel>();
  #isHeld = false;
  readonly #waiting: { grant(): void; signal: AbortSignal }[] = [];

  /** A tab that is killed neither says goodbye nor hears anything more. */
  tab(): { locks: Locks; openChannel: () => Channel; kill(): void } {
    const channels: FakeChannel[] = [];
    let isAlive = true;
    let holds = false;
    const release = () => {
      if (!holds) return;
      holds = false;
      this.#isHeld = false;
      this.#next();
    };
    const locks: Locks = {
      request: (_name, { signal }, hold) =>
        new Promise((resolve, reject) => {
          const grant = () => {
            this.#isHeld = true;
            holds = true;
            void hold().then(resolve, reject).finally(release);
          };
          signal.addEventListener("abort", () => {
            if (!holds) reject(new DOMException("aborted", "AbortError"));
          });
          this.#waiting.push({ grant: () => (isAlive ? grant() : undefined), signal });
          this.#next();
        }),
    };
    return {
      locks,
      openChannel: () => {
        const channel = new FakeChannel(this.#channels);
        channels.push(channel);
        return channel;
      },
      kill: () => {
        isAlive = false;
        for (const channel of channels) channel.close();
        release();
      },
    };
  }

  #next(): void {
    while (!this.#isHeld) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (!next.signal.aborted) next.grant();
    }
  }
}

class FakeChannel implements Channel {
  onmessage: ((event: { data: TabMessage }) => void) | null = null;
  constructor(readonly all: Set<FakeChannel>) {
    all.add(this);
  }
  postMessage(message: TabMessage): void {
    const data = structuredClone(message);
    for (const other of this.all)
      if (other !== this && this.all.has(this)) queueMicrotask(() => other.onmessage?.({ data: structuredClone(data) }));
  }
  close(): void {
    this.onmessage = null;
    this.all.delete(this);
  }
}

/** What outlives a tab: the messages that were sent, and who has the client open. */
class FakeAccount {
  readonly sent: { id: MessageId; text: string }[] = [];
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  /** Methods that never answer. */
  readonly stuck = new Set<string>();
  readonly called: string[] = [];

  open(tab: string): ChatClient {
    this.opened.push(tab);
    const listeners = new Set<(event: ChatEvent) => void>();
    const emit = (event: ChatEvent) => {
      for (const listener of listeners) listener(event);
    };
    const api = Object.fromEntries(
      methods.map((method) => [
        method,
        async (...args: unknown[]) => {
          this.called.push(`${tab} ${method}`);
          const result = this.#answer(method, args, emit);
          if (this.stuck.has(`${tab} ${method}`)) await new Promise(() => {});
          return result;
        },
      ]),
    );
    return {
      ...(api as unknown as ChatClient),
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      close: async () => void this.closed.push(tab),
    };
  }

  /** Tells one byte, and waits until it is not wanted any more. */
  async #openFile({ progress, signal }: FileOptions): Promise<never> {
    progress(1);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw new ClientError("cancelled");
  }

  #answer(method: string, args: unknown[], emit: (event: ChatEvent) => void): unknown {
    if (method === "openFile") return this.#openFile(args[3] as FileOptions);
    if (method === "register") throw new ClientError("registration-failed", "taken", { why: "taken" });
    if (method !== "sendText") return { method, args };
    const [conversation, text, options] = args as [ConversationId, string, { id: MessageId }];
    if (!this.sent.some((message) => message.id === options.id)) this.sent.push({ id: options.id, text });
    emit({ type: "messages", conversation, messages: [{ id: options.id, text } as MessageView] });
    return { id: options.id, text };
  }
}

interface FileOptions {
  readonly progress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

const chat = "c".repeat(43) as ConversationId;

async function browser(...names: string[]) {
  const platform = new FakeBrowser();
  const account = new FakeAccount();
  const tabs: { client: ChatClient; events: ChatEvent[]; kill(): void }[] = [];
  for (const name of names) {
    const { locks, openChannel, kill } = platform.tab();
    const client = await connectTab({
      name: "test",
      tab: name,
      locks,
      openChannel,
      clock: systemClock,
      openClient: async () => account.open(name),
    });
    const events: ChatEvent[] = [];
    client.subscribe((event) => events.push(event));
    tabs.push({ client, events, kill });
  }
  return { account, tabs: tabs as [(typeof tabs)[0], (typeof tabs)[0], (typeof tabs)[0]], platform };
}

const settled = async () => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

describe("tabs", () => {
  test("one tab opens the client, the others ask it", async () => {
    const { account, tabs } = await browser("a", "b", "c");
    expect(account.opened).toEqual(["a"]);
    expect(await tabs[1].client.markRead(chat, 7)).toEqual({ method: "markRead", args: [chat, 7] } as never);
    expect(await tabs[0].client.session()).toMatchObject({ method: "session" });
  });

  test("every tab hears every event, wherever it came from", async () => {
    const { tabs } = await browser("a", "b", "c");
    await tabs[2].client.sendText(chat, "hello");
    await settled();
    for (const { events } of tabs) expect(events.map((event) => event.type)).toEqual(["messages"]);
  });

  test("a refusal crosses with its code, message and details", async () => {
    const { tabs } = await browser("a", "b");
    const error = await tabs[1].client
      .register({ nickname: "x", email: "x@y", password: "z" })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: "registration-failed", message: "taken", details: { why: "taken" } });
  });

  test("progress comes to the tab that asked, and what it does not want any more is cancelled where it runs", async () => {
    const { tabs } = await browser("a", "b");
    for (const { client } of tabs) {
      const controller = new AbortController();
      const told = Promise.withResolvers<number>();
      const opening = client
        .openFile(chat, "m" as MessageId, 0, { progress: told.resolve, signal: controller.signal })
        .catch((reason: unknown) => reason);
      expect(await told.promise).toBe(1);
      controller.abort();
      expect(await opening).toMatchObject({ code: "cancelled" });
    }
  });

  test("when the owner goes, the next tab takes over and everybody reads again", async () => {
    const { account, tabs } = await browser("a", "b", "c");
    tabs[0].kill();
    await settled();
    expect(account.opened).toEqual(["a", "b"]);
    expect(tabs[1].events).toEqual([{ type: "resync" }]);
    expect(tabs[2].events).toEqual([{ type: "resync" }]);
    await tabs[2].client.sendText(chat, "still here");
    expect(account.called.at(-1)).toBe("b sendText");
  });

  test("an owner that leaves in good order closes the client before the next one opens it", async () => {
    const { account, tabs } = await browser("a", "b");
    await tabs[0].client.close();
    await settled();
    expect(account.closed).toEqual(["a"]);
    expect(account.opened).toEqual(["a", "b"]);
    expect(await tabs[0].client.session().catch((error: ClientError) => error.code)).toBe("closed" as never);
  });

  test("a message whose answer was lost with the owner is asked for again, and sent once", async () => {
    const { account, tabs } = await browser("a", "b", "c");
    account.stuck.add("a sendText");
    const sending = tabs[2].client.sendText(chat, "only once");
    await settled();
    expect(account.sent).toHaveLength(1);
    tabs[0].kill();
    const view = await sending;
    expect(account.sent).toEqual([{ id: view.id, text: "only once" }]);
    expect(account.called).toEqual(["a sendText", "b sendText"]);
  });

  test("what cannot be done twice is not: its caller is told that it was interrupted", async () => {
    const { account, tabs } = await browser("a", "b");
    account.stuck.add("a changePassword");
    const changing = tabs[1].client
      .changePassword({ currentPassword: "x", newPassword: "y" })
      .catch((error: ClientError) => error.code);
    await settled();
    tabs[0].kill();
    expect(await changing).toBe("interrupted");
    expect(account.called).toEqual(["a changePassword"]);
  });

  test("a tab that opens while the owner is still opening waits for it", async () => {
    const platform = new FakeBrowser();
    const account = new FakeAccount();
    const opening = Promise.withResolvers<void>();
    const connect = (name: string, first: Promise<void>) => {
      const { locks, openChannel } = platform.tab();
      return connectTab({
        name: "test",
        tab: name,
        locks,
        openChannel,
        clock: systemClock,
        openClient: async () => {
          await first;
          return account.open(name);
        },
      });
    };
    const a = connect("a", opening.promise);
    const b = connect("b", Promise.resolve());
    await settled();
    expect(account.opened).toEqual([]);
    opening.resolve();
    await Promise.all([a, b]);
    expect(account.opened).toEqual(["a"]);
    expect(await (await b).session()).toMatchObject({ method: "session" });
  });

  test("a client that cannot be opened says so", async () => {
    const { locks, openChannel } = new FakeBrowser().tab();
    const failing = connectTab({
      name: "t",
      tab: "a",
      locks,
      openChannel,
      clock: systemClock,
      openClient: () => Promise.reject(new Error("no storage")),
    });
    await expect(failing).rejects.toThrow("no storage");
    await failing.catch(() => {});
  });
});
