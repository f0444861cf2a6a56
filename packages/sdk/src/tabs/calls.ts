// Calls of this tab that are not answered yet, wherever the client lives by now.
import { newMessageId } from "@cychat/protocol";
import { ClientError } from "../client-error.ts";
import type { Clock } from "../environment.ts";
import { isRepeatable, type Method, optionsAt } from "./methods.ts";

export interface PendingCall {
  readonly id: string;
  readonly method: Method;
  readonly args: readonly unknown[];
  /** Who was asked; null while nobody was. */
  askedOwner: string | null;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Argon2 on a slow phone, or a log-out that waits for unsent messages, stays well below. */
const timeoutMs = 90_000;

export class Calls {
  readonly #pending = new Map<string, PendingCall>();
  #made = 0;

  constructor(
    readonly tab: string,
    readonly clock: Clock,
  ) {}

  add(method: Method, given: readonly unknown[]): { call: PendingCall; answer: Promise<unknown> } {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = `${this.tab}:${this.#made++}`;
    const call: PendingCall = { id, method, args: withMessageId(method, given), askedOwner: null, resolve, reject };
    this.#pending.set(id, call);
    const mayTakeLong = optionsAt[method] !== undefined;
    const timer = mayTakeLong ? null : this.clock.setTimeout(() => reject(new ClientError("timeout")), timeoutMs);
    const answer = promise.finally(() => {
      if (timer !== null) this.clock.clearTimeout(timer);
      this.#pending.delete(id);
    });
    return { call, answer };
  }

  get(id: string): PendingCall | undefined {
    return this.#pending.get(id);
  }

  /** Another tab took over: what nobody has heard of yet, or may safely be done twice, is asked of that one. */
  moveTo(owner: string): PendingCall[] {
    const moved: PendingCall[] = [];
    for (const call of [...this.#pending.values()]) {
      if (call.askedOwner === owner) continue;
      if (call.askedOwner === null || isRepeatable(call.method)) {
        call.askedOwner = owner;
        moved.push(call);
      } else call.reject(new ClientError("interrupted"));
    }
    return moved;
  }

  close(): void {
    for (const call of [...this.#pending.values()]) call.reject(new ClientError("closed"));
  }
}

/** Named by the tab that writes it, so that a repeated call cannot send a second message. */
function withMessageId(method: Method, args: readonly unknown[]): readonly unknown[] {
  if (method !== "sendText" && method !== "sendFiles") return args;
  const [conversation, what, options] = args as [unknown, unknown, { id?: string } | undefined];
  return [conversation, what, { ...options, id: options?.id ?? newMessageId() }];
}

interface LocalOptions {
  readonly signal?: AbortSignal;
  readonly progress?: (bytes: number) => void;
}

/** What of a call stays in its tab. */
export function localOptions(method: Method, args: readonly unknown[]): LocalOptions {
  const at = optionsAt[method];
  return at === undefined ? {} : ((args[at] ?? {}) as LocalOptions);
}

/** A call's arguments with these in place of the caller's own. */
export function withLocalOptions(method: Method, args: readonly unknown[], local: LocalOptions): readonly unknown[] {
  const at = optionsAt[method];
  if (at === undefined) return args;
  const { signal: _, progress: __, ...rest } = (args[at] ?? {}) as LocalOptions;
  return Object.assign([...args], { [at]: { ...rest, ...local } });
}
