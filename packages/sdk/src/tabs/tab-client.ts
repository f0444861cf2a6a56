// One client for all tabs of a browser: the tab that holds the lock owns it, the others ask that tab. When it goes, the
// next one takes over, on the same store, and everybody reads again what they show.
import type { ChatApi, ChatClient, ChatEvent } from "../client-api.ts";
import { ClientError, toClientError } from "../client-error.ts";
import type { Clock } from "../environment.ts";
import { Calls, localOptions, type PendingCall, withLocalOptions } from "./calls.ts";
import { type Channel, channelName, type Locks, type TabMessage } from "./channel.ts";
import { isMethod, type Method, methods } from "./methods.ts";

export interface TabClientOptions {
  /** One name per server: tabs with the same one share a client. */
  readonly name: string;
  readonly locks: Locks;
  openChannel(name: string): Channel;
  /** Opens the client, its store included; called in the tab that owns it. */
  openClient(): Promise<ChatClient>;
  readonly clock: Clock;
  /** Distinguishes tabs; random. */
  readonly tab: string;
}

/** Resolves once there is an owner: this tab, or another. Rejects when this tab should own the client and cannot open it. */
export async function connectTab(options: TabClientOptions): Promise<ChatClient> {
  const tab = new Tab(options);
  await tab.connected;
  return tab.client;
}

class Tab {
  readonly client: ChatClient;
  readonly connected: Promise<void>;
  readonly #calls: Calls;
  readonly #channel: Channel;
  readonly #listeners = new Set<(event: ChatEvent) => void>();
  /** Calls of other tabs that are under way here. */
  readonly #serving = new Map<string, AbortController>();
  readonly #leaving = new AbortController();
  readonly #release = Promise.withResolvers<void>();
  #held: Promise<void> = Promise.resolve();
  /** The client, in the tab that owns it. */
  #own: ChatClient | null = null;
  #owner: string | null = null;
  #isConnected: () => void = () => {};
  #failed: (error: unknown) => void = () => {};

  constructor(readonly options: TabClientOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.connected = promise;
    this.#isConnected = resolve;
    this.#failed = reject;
    this.#calls = new Calls(options.tab, options.clock);
    this.#channel = options.openChannel(channelName(options.name));
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    this.client = this.#makeClient();
    this.#post({ kind: "who" });
    this.#held = options.locks
      .request(channelName(options.name), { signal: this.#leaving.signal }, () => this.#holdOwnership())
      .catch((error: unknown) => this.#failed(error));
  }

  #makeClient(): ChatClient {
    const api = Object.fromEntries(methods.map((method) => [method, (...args: unknown[]) => this.#call(method, args)]));
    return {
      ...(api as unknown as ChatApi),
      subscribe: (listener) => {
        const own = (event: ChatEvent) => listener(event);
        this.#listeners.add(own);
        return () => this.#listeners.delete(own);
      },
      close: () => this.#close(),
    };
  }

  /** Holds the lock: this tab owns the client until it leaves. */
  async #holdOwnership(): Promise<void> {
    if (this.#leaving.signal.aborted) return;
    const { tab } = this.options;
    const tookOver = this.#owner !== null;
    const own = await this.options.openClient();
    this.#own = own;
    own.subscribe((event) => {
      this.#post({ kind: "event", owner: tab, event });
      this.#emit(event);
    });
    this.#become(tab);
    this.#post({ kind: "owner", owner: tab });
    if (tookOver) this.#emit({ type: "resync" });
    await this.#release.promise;
    this.#own = null;
    await own.close();
  }

  #receive(message: TabMessage): void {
    switch (message.kind) {
      case "who":
        if (this.#own !== null) this.#post({ kind: "owner", owner: this.options.tab });
        return;
      case "owner": {
        const changed = this.#owner !== null && this.#owner !== message.owner;
        if (this.#own !== null || message.owner === this.#owner) return;
        this.#become(message.owner);
        if (changed) this.#emit({ type: "resync" });
        return;
      }
      case "call":
        if (message.owner === this.options.tab && this.#own !== null) void this.#serve(this.#own, message);
        return;
      case "answer":
        this.#calls.get(message.id)?.resolve(message.value);
        return;
      case "refused":
        this.#calls.get(message.id)?.reject(new ClientError(message.code, message.message, message.details));
        return;
      case "progress": {
        const call = this.#calls.get(message.id);
        if (call !== undefined) localOptions(call.method, call.args).progress?.(message.bytes);
        return;
      }
      case "cancel":
        if (message.owner === this.options.tab) this.#serving.get(message.id)?.abort();
        return;
      case "event":
        if (this.#own === null && message.owner === this.#owner) this.#emit(message.event);
        return;
    }
  }

  #become(owner: string): void {
    this.#owner = owner;
    for (const call of this.#calls.moveTo(owner)) this.#ask(call);
    this.#isConnected();
  }

  #call(method: Method, args: readonly unknown[]): Promise<unknown> {
    if (this.#leaving.signal.aborted) return Promise.reject(new ClientError("closed"));
    const { call, answer } = this.#calls.add(method, args);
    if (this.#owner !== null) {
      call.askedOwner = this.#owner;
      this.#ask(call);
    }
    return answer;
  }

  #ask(call: PendingCall): void {
    const owner = call.askedOwner;
    if (this.#own !== null) invoke(this.#own, call.method, call.args).then(call.resolve, call.reject);
    else if (owner !== null) this.#askOther(call, owner);
  }

  #askOther({ id, method, args }: PendingCall, owner: string): void {
    const { signal } = localOptions(method, args);
    signal?.addEventListener("abort", () => this.#post({ kind: "cancel", id, owner }), { once: true });
    this.#post({ kind: "call", id, owner, method, args: withLocalOptions(method, args, {}) });
  }

  async #serve(own: ChatClient, { id, method, args }: Extract<TabMessage, { kind: "call" }>): Promise<void> {
    if (!isMethod(method)) return;
    const controller = new AbortController();
    this.#serving.set(id, controller);
    const progress = (bytes: number) => this.#post({ kind: "progress", id, bytes });
    try {
      const value = await invoke(own, method, withLocalOptions(method, args, { signal: controller.signal, progress }));
      this.#post({ kind: "answer", id, value });
    } catch (error) {
      const { code, message, details } = toClientError(error);
      this.#post({ kind: "refused", id, code, message, details });
    } finally {
      this.#serving.delete(id);
    }
  }

  async #close(): Promise<void> {
    if (this.#leaving.signal.aborted) return;
    this.#leaving.abort();
    this.#calls.close();
    this.#release.resolve();
    await this.#held;
    this.#channel.onmessage = null;
    this.#channel.close();
    this.#listeners.clear();
  }

  #post(message: TabMessage): void {
    this.#channel.postMessage(message);
  }

  #emit(event: ChatEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        // A listener's fault is its own.
      }
    }
  }
}

function invoke(client: ChatClient, method: Method, args: readonly unknown[]): Promise<unknown> {
  return (client[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
}
