// Receipts: gathered for a moment, written together, then told to the others.
import type { AccountId } from "@cychat/protocol";
import { type Directory, isSmall, type Members, readersOf } from "../chats/service.ts";
import type { PendingReceipt } from "../database/batches.ts";
import type { Engine } from "../database/engine.ts";
import type { Log } from "../log.ts";
import type { Events } from "./events.ts";

export interface Receipts {
  /** `onRefused` is called when the account is no member there. */
  submit(receipt: PendingReceipt, onRefused: () => void): void;
  drain(): Promise<void>;
}

/** A reader who scrolls moves on many times a second; others need to know it a few times. */
const gatherMs = 50;

export function createReceipts(engine: Engine, directory: Directory, events: Events, log: Log): Receipts {
  let pending = new Map<string, PendingReceipt>();
  let timer: Timer | null = null;
  let writing: Promise<void> = Promise.resolve();

  function gather(receipt: PendingReceipt): void {
    const key = `${receipt.conversation}${receipt.account}`;
    const before = pending.get(key);
    pending.set(key, before ? furthest(before, receipt) : receipt);
    timer ??= setTimeout(flush, gatherMs);
  }

  function flush(): void {
    timer = null;
    const batch = [...pending.values()];
    pending = new Map();
    if (batch.length === 0) return;
    writing = writing.then(() => write(batch)).catch((error: unknown) => log.error("receipts-failed", { cause: error }));
  }

  async function write(batch: readonly PendingReceipt[]): Promise<void> {
    const outcomes = await engine.commitReceipts(batch);
    for (const [index, outcome] of outcomes.entries()) {
      const receipt = batch[index];
      if (outcome && receipt) tell(receipt, outcome.deliveredSeq, outcome.readSeq);
    }
  }

  function tell({ conversation, account }: PendingReceipt, deliveredSeq: number, readSeq: number): void {
    directory.withMembers(conversation, (members) => {
      if (!members) return;
      const frame = { type: "receipt", conversation, account, delivered_seq: deliveredSeq, read_seq: readSeq } as const;
      events.announce({ to: audience(members, account), frame });
    });
  }

  return {
    submit(receipt, onRefused) {
      directory.withMembers(receipt.conversation, (members) => {
        if (members?.states.has(receipt.account)) gather(receipt);
        else onRefused();
      });
    },
    async drain() {
      if (timer !== null) clearTimeout(timer);
      flush();
      await writing;
    },
  };
}

/**
 * The account's own devices, and the others unless it stands aside (request, ignored, blocked), they do, or the room is too
 * large for it.
 */
function audience(members: Members, account: AccountId): readonly AccountId[] {
  const isShown = members.states.get(account) === "active" && isSmall(members);
  return isShown ? readersOf(members, account) : [account];
}

function furthest(a: PendingReceipt, b: PendingReceipt): PendingReceipt {
  return { ...a, deliveredSeq: Math.max(a.deliveredSeq, b.deliveredSeq), readSeq: Math.max(a.readSeq, b.readSeq) };
}
