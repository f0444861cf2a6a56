// What tabs of one browser say to each other, and the two platform interfaces they use for it (injected in tests).
import type { ChatEvent } from "../client-api.ts";
import type { Method } from "./methods.ts";

export type TabMessage =
  /** A new tab asks who owns the client. */
  | { readonly kind: "who" }
  | { readonly kind: "owner"; readonly owner: string }
  | {
      readonly kind: "call";
      readonly id: string;
      readonly owner: string;
      readonly method: Method;
      readonly args: readonly unknown[];
    }
  | { readonly kind: "answer"; readonly id: string; readonly value: unknown }
  | { readonly kind: "refused"; readonly id: string; readonly code: string; readonly message: string; readonly details: unknown }
  /** Of a call with a listener for it. */
  | { readonly kind: "progress"; readonly id: string; readonly bytes: number }
  /** The caller does not want the answer any more. */
  | { readonly kind: "cancel"; readonly id: string; readonly owner: string }
  | { readonly kind: "event"; readonly owner: string; readonly event: ChatEvent };

/** The part of BroadcastChannel that is used. */
export interface Channel {
  postMessage(message: TabMessage): void;
  onmessage: ((event: { data: TabMessage }) => void) | null;
  close(): void;
}

/** The part of `navigator.locks` that is used. */
export interface Locks {
  request(name: string, options: { signal: AbortSignal }, hold: () => Promise<void>): Promise<void>;
}

/** All tabs of one browser profile that talk to one server. The number changes with the messages above. */
export function channelName(name: string): string {
  return `${name}/tabs-1`;
}
