// What really happened: everything that was written, by whom, and what became of it. Devices are measured against this.
import type { ConversationId, MessageId } from "@cychat/protocol";
import type { MessageView } from "@cychat/sdk";

export class Violation extends Error {
  override readonly name = "Violation";
}

/** One browser's storage, from a log-in to its loss. */
export interface Storage {
  isLost: boolean;
}

export interface Written {
  readonly id: MessageId;
  readonly text: string;
  readonly sender: string;
  readonly conversation: ConversationId;
  readonly storage: Storage;
  /** The client has said that it keeps it. */
  isKept: boolean;
  /** From the first device that showed it with a number. */
  seq: number | null;
  deletion: Deletion | null;
}

interface Deletion {
  readonly storage: Storage;
  isKept: boolean;
  /** Another device has shown it as deleted. */
  isSeen: boolean;
  /** It was not sent yet: it may never be. */
  readonly mayVanish: boolean;
}

export interface Read {
  readonly seq: number;
  readonly storage: Storage;
  isKept: boolean;
}

export class Truth {
  readonly written = new Map<MessageId, Written>();
  /** Deletions of everything that are under way; what is written meanwhile may be among it. */
  readonly deletingAll = new Set<{ readonly sender: string; readonly conversation: ConversationId; readonly storage: Storage }>();
  /** By account and conversation. */
  readonly #reads = new Map<string, Read[]>();

  write(message: Omit<Written, "isKept" | "seq" | "deletion">): Written {
    const written: Written = { ...message, isKept: false, seq: null, deletion: null };
    this.written.set(message.id, written);
    for (const { sender, conversation, storage } of this.deletingAll) {
      if (sender === written.sender && conversation === written.conversation) this.delete(written.id, storage);
    }
    return written;
  }

  delete(id: MessageId, storage: Storage): { kept(): void } {
    const written = this.written.get(id);
    if (written === undefined) throw new Violation(`${id} was never written`);
    const deletion = { storage, isKept: false, isSeen: false, mayVanish: written.seq === null };
    // Of two deletions the surer one counts.
    if (written.deletion === null || !isSure(written.deletion)) written.deletion = deletion;
    return {
      kept: () => {
        deletion.isKept = true;
        if (written.deletion === null || !isSure(written.deletion)) written.deletion = deletion;
      },
    };
  }

  read(account: string, conversation: ConversationId, seq: number, storage: Storage): Read {
    const read = { seq, storage, isKept: false };
    const key = account + conversation;
    this.#reads.set(key, [...(this.#reads.get(key) ?? []), read]);
    return read;
  }

  /** The number that must have been read, and the one that may have been. */
  readUpTo(account: string, conversation: ConversationId): { sure: number; maybe: number } {
    const reads = this.#reads.get(account + conversation) ?? [];
    const sure = reads.filter((read) => read.isKept && !read.storage.isLost);
    const furthest = (some: readonly Read[]) => some.reduce((seq, read) => Math.max(seq, read.seq), 0);
    return { sure: furthest(sure), maybe: furthest(reads) };
  }

  /** Checks what a device shows, whenever it shows it. Throws {@link Violation}. */
  saw(account: string, storage: Storage, view: MessageView): void {
    const written = this.written.get(view.id);
    const what = `${account} sees ${view.id} (${view.seq}, ${view.kind}, ${view.state})`;
    if (written === undefined) throw new Violation(`${what}: nobody wrote it`);
    if (view.problem !== null) throw new Violation(`${what} with the problem ${view.problem.code}`);
    if (view.conversation !== written.conversation) throw new Violation(`${what} in another conversation`);
    if (view.mine !== (written.sender === account)) throw new Violation(`${what}: mine is ${view.mine}`);
    if (view.seq !== null) {
      if (written.seq !== null && written.seq !== view.seq)
        throw new Violation(`${what}, elsewhere it has the number ${written.seq}`);
      written.seq = view.seq;
    }
    if (view.kind === "text" && view.text === written.text) return;
    if (view.kind !== "deleted" || view.text !== "") throw new Violation(`${what}: it was ${written.text}`);
    if (written.deletion === null) throw new Violation(`${what}: nobody deleted it`);
    if (written.deletion.storage !== storage) written.deletion.isSeen = true;
  }
}

/** It will be there for everybody: it is already, or its writer still has it. */
export function mustExist({ seq, isKept, storage, deletion }: Written): boolean {
  if (deletion?.mayVanish === true) return false;
  return seq !== null || (isKept && !storage.isLost);
}

export function mustBeDeleted({ deletion }: Written): boolean {
  return deletion !== null && (deletion.isSeen || isSure(deletion));
}

function isSure({ isKept, storage }: Deletion): boolean {
  return isKept && !storage.isLost;
}
