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

interface Act {
  /** Name of the account. */
  readonly by: string;
  readonly storage: Storage;
  /** By the true clock. */
  readonly atMs: number;
  /** The client has said that it keeps it. */
  isKept: boolean;
}

interface Edit extends Act {
  readonly text: string;
}

interface Deletion extends Act {
  /** It was not sent yet: it may never be. */
  readonly mayVanish: boolean;
}

export interface Written {
  readonly id: MessageId;
  readonly text: string;
  readonly sender: string;
  readonly conversation: ConversationId;
  readonly storage: Storage;
  readonly atMs: number;
  isKept: boolean;
  /** From the first device that showed it with a number. */
  seq: number | null;
  readonly edits: Edit[];
  readonly deletions: Deletion[];
  /** A device that has deleted nothing itself has shown it as deleted. */
  isDeletionSeen: boolean;
}

export interface Read {
  readonly seq: number;
  readonly storage: Storage;
  isKept: boolean;
}

/** Whether an account had a right in a conversation all the time since then; in direct chats, everybody always has. */
export type HadRight = (conversation: ConversationId, account: string, right: "post" | "moderate", sinceMs: number) => boolean;

/** What a message may be refused for, for good: in rooms, where rights change. */
const refusals = ["not-allowed", "not-found", "room-deleted"];

export class Truth {
  readonly written = new Map<MessageId, Written>();
  /** Deletions of everything that are under way; what is written meanwhile may be among it. */
  readonly deletingAll = new Set<{ readonly sender: string; readonly conversation: ConversationId; readonly storage: Storage }>();
  /** Rooms that somebody has begun to delete, or left as the last one perhaps. */
  readonly ending = new Set<ConversationId>();
  /** What was seen as deleted there, that nobody deleted: the room must have been. */
  readonly erasedInRooms = new Map<ConversationId, string>();
  /** Every name that a room was ever given, and every topic. */
  readonly roomTexts = new Set<string>();
  /** By account and conversation. */
  readonly #reads = new Map<string, Read[]>();

  constructor(
    readonly nowMs: () => number,
    readonly hadRight: HadRight,
  ) {}

  write(message: Pick<Written, "id" | "text" | "sender" | "conversation" | "storage">): Written {
    const nothingYet = { isKept: false, seq: null, edits: [], deletions: [], isDeletionSeen: false };
    const written: Written = { ...message, ...nothingYet, atMs: this.nowMs() };
    this.written.set(message.id, written);
    for (const { sender, conversation, storage } of this.deletingAll) {
      if (sender === written.sender && conversation === written.conversation) this.delete(written.id, sender, storage);
    }
    return written;
  }

  edit(id: MessageId, by: string, storage: Storage, text: string): Edit {
    const edit = { text, by, storage, atMs: this.nowMs(), isKept: false };
    this.#get(id).edits.push(edit);
    return edit;
  }

  delete(id: MessageId, by: string, storage: Storage): Deletion {
    const written = this.#get(id);
    const deletion = { by, storage, atMs: this.nowMs(), isKept: false, mayVanish: written.seq === null };
    written.deletions.push(deletion);
    return deletion;
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
    if (view.kind === "system") return;
    const written = this.written.get(view.id);
    // With a deleted room its edits and deletions are erased, too: whoever has not read them cannot tell what they were.
    if (written === undefined && view.kind === "deleted" && this.ending.has(view.conversation)) return;
    const what = `${account} sees ${view.id} (${view.seq}, ${view.kind}, ${view.state})`;
    if (written === undefined) throw new Violation(`${what}: nobody wrote it`);
    const isRefused = view.state === "failed" && refusals.includes(view.problem?.code ?? "");
    if (view.problem !== null && !isRefused) throw new Violation(`${what} with the problem ${view.problem.code}`);
    if (view.conversation !== written.conversation) throw new Violation(`${what} in another conversation`);
    if (view.mine !== (written.sender === account)) throw new Violation(`${what}: mine is ${view.mine}`);
    if (view.seq !== null) {
      if (written.seq !== null && written.seq !== view.seq)
        throw new Violation(`${what}, elsewhere it has the number ${written.seq}`);
      written.seq = view.seq;
    }
    const texts = view.edited ? written.edits.map(({ text }) => text) : [written.text];
    if (view.kind === "text" && texts.includes(view.text)) return;
    if (view.kind !== "deleted" || view.text !== "") throw new Violation(`${what}: it was ${written.text}`);
    if (written.deletions.length === 0) {
      if (!this.ending.has(written.conversation)) throw new Violation(`${what}: nobody deleted it`);
      // Of a deleted room the ciphertext goes, too: the room's last record says why, if it has one.
      this.erasedInRooms.set(written.conversation, what);
      return;
    }
    if (!written.deletions.some((deletion) => deletion.storage === storage)) written.isDeletionSeen = true;
  }

  /** It will be there for everybody: it is already, or its writer still has it and was always allowed to send it. */
  mustExist({ seq, isKept, storage, deletions, conversation, sender, atMs }: Written): boolean {
    if (deletions.some(({ mayVanish }) => mayVanish)) return false;
    return seq !== null || (isKept && !storage.isLost && this.hadRight(conversation, sender, "post", atMs));
  }

  mustBeDeleted(written: Written): boolean {
    return written.isDeletionSeen || written.deletions.some((deletion) => this.#isSure(written, deletion));
  }

  /** The texts that it may end with. */
  textsOf(written: Written): string[] {
    const texts = written.edits.map(({ text }) => text);
    return written.edits.some((edit) => this.#isSure(written, edit)) ? texts : [written.text, ...texts];
  }

  /** It reaches everybody, because who did it kept it and could always go on with it. */
  #isSure({ conversation, sender }: Written, { by, isKept, storage, atMs }: Act): boolean {
    if (!isKept || storage.isLost) return false;
    const mayPost = this.hadRight(conversation, by, "post", atMs);
    return mayPost && (by === sender || this.hadRight(conversation, by, "moderate", atMs));
  }

  #get(id: MessageId): Written {
    const written = this.written.get(id);
    if (written === undefined) throw new Violation(`${id} was never written`);
    return written;
  }
}
