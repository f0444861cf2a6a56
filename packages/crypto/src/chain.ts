// Every device's messages in a conversation form a chain: counter 1, 2, 3 … and the hash of the envelope before.
import { equalBytes } from "@cychat/protocol";
import { type Bytes, zeroHash } from "./primitives.ts";

/** The last message known of one device in one conversation. */
export interface ChainPoint {
  readonly counter: number;
  readonly hash: Bytes;
}

export interface ChainLink {
  readonly counter: number;
  readonly prev: Bytes;
  readonly envelopeHash: Bytes;
}

/**
 * Where a newly opened message stands after `last` (null: none seen yet).
 * `next`: continues it. `replayed`: at or before it. `gap`: messages between are missing; they may come later.
 * `forked`: the device signed two messages for one place, or another past.
 */
export function placeInChain(last: ChainPoint | null, message: ChainLink): "next" | "replayed" | "gap" | "forked" {
  const { counter, hash } = last ?? { counter: 0, hash: zeroHash() };
  if (message.counter < 1) return "forked";
  if (message.counter === counter) return equalBytes(message.envelopeHash, hash) ? "replayed" : "forked";
  if (message.counter < counter) return "replayed";
  if (message.counter > counter + 1) return "gap";
  return equalBytes(message.prev, hash) ? "next" : "forked";
}
