// The files of a conversation, or those of one kind, or whose name a search is found in: page by page, newest first, and kept
// up to date while they are looked at.
import type { ChatClient, FileView, MessageView, SharedFileKind } from "@cychat/sdk";
import type { MessageChanges } from "../state/chat.svelte.ts";
import { codeOf } from "../state/failure.ts";
import type { ConversationId } from "../state/types.ts";
import { type Item, keyOf } from "./months.ts";
import { isFoundIn } from "./name-search.ts";
import { sharedKind } from "./shared-kind.ts";

interface Wanted {
  readonly show?: SharedFileKind;
  readonly search?: string;
}

const pageItems = 60;
/** A kind that nobody has used is not looked for through a whole history unasked. */
const unaskedPages = 8;

export class FileList {
  items: readonly Item[] = $state.raw([]);
  loading = $state(false);
  /** There is no more. */
  done = $state(false);
  problem: "offline" | "failed" | null = $state(null);
  /** It was stopped, or looked far and found nothing: it goes on when asked. */
  waits = $state(false);
  #next: string | undefined;
  /** Each run ends when another one begins. */
  #run = 0;

  constructor(
    private readonly client: Pick<ChatClient, "sharedFiles">,
    private readonly conversation: ConversationId,
    private readonly wanted: Wanted,
  ) {}

  /** Until there is something new to show, or there is no more. */
  more(): Promise<void> {
    return this.#read((added, pages) => added > 0 || pages >= unaskedPages);
  }

  /** All that there is. */
  all(): Promise<void> {
    return this.#read(() => false);
  }

  stop(): void {
    this.#run += 1;
    if (this.loading) this.waits = true;
    this.loading = false;
  }

  async #read(isEnough: (added: number, pages: number) => boolean): Promise<void> {
    if (this.loading || this.done) return;
    const run = ++this.#run;
    this.loading = true;
    this.waits = false;
    this.problem = null;
    try {
      for (let added = 0, pages = 1; ; pages++) {
        const { show, search } = this.wanted;
        const page = await this.client.sharedFiles(this.conversation, {
          ...(show && { show }),
          ...(search && { search }),
          ...(this.#next !== undefined && { after: this.#next }),
          limit: pageItems,
        });
        if (run !== this.#run) return;
        added += this.#append(page.items);
        this.#next = page.next ?? undefined;
        this.done = page.next === null;
        if (this.done) break;
        if (isEnough(added, pages)) {
          this.waits = added === 0;
          break;
        }
      }
    } catch (error) {
      if (run !== this.#run) return;
      this.problem = codeOf(error) === "offline" ? "offline" : "failed";
      if (this.problem === "failed") console.error(error);
    }
    this.loading = false;
  }

  #append(items: readonly Item[]): number {
    const known = new Set(this.items.map(keyOf));
    const fresh = items.filter((item) => !known.has(keyOf(item)));
    if (fresh.length > 0) this.items = [...this.items, ...fresh];
    return fresh.length;
  }

  /** New messages come in, changed ones change, deleted ones go. */
  apply({ messages, removed }: MessageChanges): void {
    const changed = new Set([...removed, ...messages.map(({ id }) => id)]);
    const before = new Set(this.items.map(({ message }) => message.id));
    const kept = this.items.filter(({ message }) => !changed.has(message.id));
    // What is older than what is here comes with its page.
    const oldest = this.done ? 0 : (this.items.at(-1)?.message.seq ?? 0);
    const come = messages.filter(
      ({ id, kind, seq }) => kind === "files" && seq !== null && !removed.includes(id) && (before.has(id) || seq > oldest),
    );
    if (come.length === 0 && kept.length === this.items.length) return;
    this.items = [...kept, ...come.flatMap((message) => this.#wantedOf(message))].toSorted(newestFirst);
  }

  #wantedOf(message: MessageView): readonly Item[] {
    return message.files.flatMap((file, index) => (this.#isWanted(file) ? [{ message, index }] : []));
  }

  #isWanted(file: FileView): boolean {
    const { show, search = "" } = this.wanted;
    return (show === undefined || sharedKind(file) === show) && isFoundIn(file.name, search);
  }
}

const newestFirst = (a: Item, b: Item) => (b.message.seq ?? 0) - (a.message.seq ?? 0) || a.index - b.index;
