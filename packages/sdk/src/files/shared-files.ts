// The files of a conversation, one page after another: its pictures, its voice messages, and whatever a name is searched for.
import { type ConversationId, limits } from "@cychat/protocol";
import type { ChatApi, FileView, SharedFileKind, SharedFilesPage } from "../client-api.ts";
import type { Directory } from "../conversations/directory.ts";

type Input = NonNullable<Parameters<ChatApi["sharedFiles"]>[1]>;
type Item = SharedFilesPage["items"][number];

const defaultItems = 60;
const maxItems = 100;
/** A search in a long history answers after so many messages, so that what was found so far can be shown. */
const maxPages = 5;

export class SharedFiles {
  constructor(readonly directory: Directory) {}

  async page(id: ConversationId, { show, search = "", after, limit = defaultItems }: Input = {}): Promise<SharedFilesPage> {
    const conversation = this.directory.get(id);
    const wanted = Math.max(1, Math.min(limit, maxItems));
    const sought = folded(search.trim());
    const items: Item[] = [];
    let before = after === undefined ? Number.POSITIVE_INFINITY : seqOf(after);
    for (let page = 1; page <= maxPages; page++) {
      const found = await conversation.before(before, limits.historyPage).catch((error: unknown) => {
        // What was found is shown; only an empty page must say why it is empty.
        if (items.length > 0) return null;
        throw error;
      });
      if (found === null) break;
      const { messages, reachedStart } = found;
      for (const message of this.directory.messageViews(conversation, messages)) {
        // A message is never parted: the cursor is its number.
        if (items.length >= wanted) return { items, next: String(before) };
        items.push(
          ...message.files.flatMap((file, index) =>
            (show === undefined || kindOf(file) === show) && folded(file.name).includes(sought) ? [{ message, index }] : [],
          ),
        );
        before = message.seq ?? before;
      }
      if (reachedStart) return { items, next: null };
    }
    return { items, next: String(before) };
  }
}

function kindOf({ type, waveform }: FileView): SharedFileKind {
  if (waveform !== null) return "voice";
  return /^(?:image|video)\//.test(type) ? "media" : "other";
}

/** Upper and lower case, and characters that look the same, count as one. */
const folded = (text: string): string => text.normalize("NFKC").toLowerCase();

/** What is no cursor begins anew. */
function seqOf(after: string): number {
  return /^\d{1,15}$/.test(after) ? Number(after) : Number.POSITIVE_INFINITY;
}
