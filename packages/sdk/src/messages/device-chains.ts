// Every device numbers its messages of a conversation and names the one before: so a reader notices what a server left
// out, repeated or moved. What signed deletions explain is no gap; nor is what lies before the first message known.
import { type ChainPoint, placeInChain } from "@cychat/crypto";
import { type AccountId, type DeviceId, equalBytes, type MessageId } from "@cychat/protocol";
import type { DeviceChain, OpenGap } from "../store/tables.ts";

export interface Link {
  readonly device: DeviceId;
  readonly account: AccountId;
  readonly seq: number;
  readonly counter: number;
  readonly prev: Uint8Array<ArrayBuffer>;
  readonly envelopeHash: Uint8Array<ArrayBuffer>;
}

/** `reordered`: it fills a hole that was noticed behind it. The others are `placeInChain`'s. */
export type Verdict = ReturnType<typeof placeInChain> | "reordered";

export interface Settled {
  /** Numbers of messages in front of which something is missing, unexplained. */
  readonly missing: readonly number[];
  /** Numbers of messages whose gap is explained by now. */
  readonly healed: readonly number[];
}

/** Reported gaps are kept to recognise late comers; so many are enough. */
const keptGaps = 100;

const untouched = { first: null, last: null, erasedBefore: [], erasedAfter: [] } as const;

/** A working copy of one conversation's chains: read `chains` and `gaps` when done, to store them. */
export class DeviceChains {
  readonly chains: Map<DeviceId, DeviceChain>;
  #gaps: OpenGap[];
  #healed: number[] = [];

  constructor(chains: ReadonlyMap<DeviceId, DeviceChain>, gaps: readonly OpenGap[]) {
    this.chains = new Map(chains);
    this.#gaps = [...gaps];
  }

  get gaps(): readonly OpenGap[] {
    return this.#gaps.slice(-keptGaps);
  }

  /** Places a message behind everything known. `complete`: nothing lies before what is stored here. */
  forward(link: Link, complete: boolean): Verdict {
    const chain = this.#chain(link.device, link.account);
    const last: ChainPoint | null = chain.last;
    if (last === null && !(complete && chain.erasedBefore.length === 0)) {
      this.chains.set(link.device, { ...chain, first: pointBefore(link), last: pointAt(link), erasedAfter: [] });
      if (complete) this.#hole(link, 1, link.counter - 1, chain.erasedBefore);
      return "next";
    }
    const verdict = placeInChain(last, link);
    if (verdict === "replayed" && this.#fills(link)) return "reordered";
    if (verdict === "replayed") return verdict;
    if (verdict === "gap") this.#hole(link, (last?.counter ?? 0) + 1, link.counter - 1 - (last?.counter ?? 0), chain.erasedAfter);
    // After a fork, too, the chain goes on from what was shown last: one alarm for one event.
    if (last === null || link.counter >= last.counter) {
      this.chains.set(link.device, { ...chain, first: chain.first ?? pointBefore(link), last: pointAt(link), erasedAfter: [] });
    }
    return verdict;
  }

  /** Places a message before everything known: called with falling numbers. */
  backward(link: Link): Verdict {
    const chain = this.#chain(link.device, link.account);
    const { first } = chain;
    const step = { first: pointBefore(link), erasedBefore: [] };
    if (first === null) {
      this.chains.set(link.device, { ...chain, ...step, last: chain.last ?? pointAt(link) });
      return "next";
    }
    if (link.counter >= first.counter) return this.#fills(link) ? "reordered" : "replayed";
    this.chains.set(link.device, { ...chain, ...step });
    const missing = first.counter - 1 - link.counter;
    if (missing === 0) return equalBytes(first.prev, link.envelopeHash) ? "next" : "forked";
    this.#hole({ ...link, seq: first.seq }, link.counter + 1, missing, chain.erasedBefore);
    return "gap";
  }

  erasedForward(device: DeviceId, account: AccountId, id: MessageId): void {
    const chain = this.#chain(device, account);
    const next =
      chain.last === null ? { erasedBefore: [...chain.erasedBefore, id] } : { erasedAfter: [...chain.erasedAfter, id] };
    this.chains.set(device, { ...chain, ...next });
  }

  erasedBackward(device: DeviceId, account: AccountId, id: MessageId): void {
    const chain = this.#chain(device, account);
    this.chains.set(device, { ...chain, erasedBefore: [...chain.erasedBefore, id] });
  }

  /** Everything there is has been read: every chain must begin with its first message. */
  reachedStart(): void {
    for (const [device, { account, first, erasedBefore }] of this.chains) {
      if (first !== null) this.#hole({ device, account, seq: first.seq }, 1, first.counter - 1, erasedBefore);
    }
  }

  /**
   * Looks at the holes again with the deletions known by now. `upToDate`: nothing newer exists on the server, so a
   * deletion that explains a hole would be here, unless it is one of those that the reader may not read (`isHidden`).
   */
  settle(
    isDeleted: (id: MessageId, by: AccountId) => boolean,
    upToDate: boolean,
    isHidden: (id: MessageId) => boolean = () => false,
  ): Settled {
    const healed = this.#healed;
    this.#healed = [];
    const missing: number[] = [];
    this.#gaps = this.#gaps.filter((gap) => {
      if (gap.erased.length >= gap.missing && gap.erased.every((id) => isDeleted(id, gap.account))) {
        if (gap.reported) healed.push(gap.seq);
        return false;
      }
      return true;
    });
    this.#gaps = this.#gaps.map((gap) => {
      const mayBeDeleted = !upToDate || gap.erased.every((id) => isDeleted(id, gap.account) || isHidden(id));
      if (gap.reported || (mayBeDeleted && gap.erased.length >= gap.missing)) return gap;
      missing.push(gap.seq);
      return { ...gap, reported: true };
    });
    return { missing, healed: healed.filter((seq) => !missing.includes(seq)) };
  }

  #chain(device: DeviceId, account: AccountId): DeviceChain {
    return this.chains.get(device) ?? { account, ...untouched };
  }

  #hole(
    link: Pick<Link, "device" | "account" | "seq">,
    fromCounter: number,
    missing: number,
    erased: readonly MessageId[],
  ): void {
    if (missing <= 0) return;
    // A device's first messages are gone, and stand there as erased: that is what a server's retention looks like. Where
    // it is not, since older messages are still there, each of those entries is reported itself.
    if (fromCounter === 1 && erased.length >= missing) return;
    const { device, account, seq } = link;
    if (this.#gaps.some((gap) => gap.device === device && gap.fromCounter === fromCounter)) return;
    this.#gaps.push({ device, account, seq, fromCounter, missing, erased, reported: false });
  }

  /** Whether a message belongs into a known hole; the hole shrinks by it. */
  #fills(link: Link): boolean {
    const at = this.#gaps.findIndex(
      (gap) => gap.device === link.device && link.counter >= gap.fromCounter && link.counter < gap.fromCounter + gap.missing,
    );
    const gap = this.#gaps[at];
    if (gap === undefined) return false;
    const below = link.counter - gap.fromCounter;
    const above = gap.missing - below - 1;
    const rest: OpenGap[] = [];
    if (below > 0) rest.push({ ...gap, missing: below });
    if (above > 0) rest.push({ ...gap, fromCounter: link.counter + 1, missing: above });
    this.#gaps.splice(at, 1, ...rest);
    if (rest.length === 0 && gap.reported) this.#healed.push(gap.seq);
    return true;
  }
}

const pointAt = (link: Link) => ({ counter: link.counter, hash: link.envelopeHash, seq: link.seq });
const pointBefore = (link: Link) => ({ counter: link.counter, prev: link.prev, seq: link.seq });
