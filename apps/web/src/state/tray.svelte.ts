// What was picked for a conversation and is not sent yet. It outlives the screen: one may look elsewhere and come back.
import type { FileQuota } from "@cychat/sdk";
import type { Look } from "../files/prepare.ts";
import { filesPerMessage } from "../limits.ts";
import { files as fileText, tray as text } from "../strings/files.ts";
import { codeOf, explain } from "./failure.ts";
import { newMessageId } from "./message-id.ts";
import type { Mentions, Timeline } from "./timeline.svelte.ts";
import type { MessageId } from "./types.ts";

export interface TrayFile extends Omit<Look, "preview"> {
  readonly id: number;
  readonly file: File;
  /** The address of a small picture of it. */
  readonly preview: string | null;
}

/** Until it was looked at. */
const unknown = { preview: null, treated: null, tells: null, originalTells: null } as const;

interface Sending {
  readonly stage: "preparing" | "encrypting";
  readonly done: number;
  readonly all: number;
}

const loadPrepare = () => import("../files/prepare.ts");

export class Tray {
  files: readonly TrayFile[] = $state.raw([]);
  originals = $state(false);
  /** What became of the last thing one tried, where it did not work. */
  problem: string | null = $state(null);
  sending: Sending | null = $state.raw(null);
  /** Who shows the caption empties it; without anybody the stored draft is emptied. */
  onsent: (() => void) | null = null;
  readonly bytes = $derived(this.files.reduce((sum, { file }) => sum + file.size, 0));
  /** Whether originals would be something else. */
  readonly hasPictures = $derived(this.files.some(({ treated }) => treated === "drawn"));
  readonly hasCleaned = $derived(this.files.some(({ treated }) => treated === "cleaned"));
  #quota: FileQuota | null = null;
  #abort: AbortController | null = null;
  /** The same content asked for again is the same message. */
  #attempt: { readonly id: MessageId; readonly caption: string } | null = null;
  #next = 1;

  constructor(private readonly model: Timeline) {}

  async add(picked: readonly File[]): Promise<void> {
    if (picked.length === 0 || this.sending) return;
    const fitting = picked.slice(0, Math.max(0, filesPerMessage - this.files.length));
    const left = picked.length - fitting.length;
    const added = fitting.map((file): TrayFile => ({ id: this.#next++, file, ...unknown }));
    this.problem = left > 0 ? text.tooMany(filesPerMessage, left) : null;
    this.#set([...this.files, ...added]);
    await Promise.all([this.#refuseTooLarge(added), this.#look(added)]);
  }

  /** Folders come with the files that were dropped beside them. */
  refuseFolder(): void {
    this.problem = text.folder;
  }

  remove(id: number): void {
    const gone = this.files.find((item) => item.id === id);
    if (gone?.preview) URL.revokeObjectURL(gone.preview);
    this.problem = null;
    this.#set(this.files.filter((item) => item.id !== id));
  }

  clear(): void {
    this.#abort?.abort();
    for (const { preview } of this.files) if (preview) URL.revokeObjectURL(preview);
    this.problem = null;
    this.originals = false;
    this.#set([]);
  }

  choose(originals: boolean): void {
    this.originals = originals;
    this.#attempt = null;
  }

  stop(): void {
    this.#abort?.abort();
  }

  /** `false`, with everything as it was, where it was stopped or refused. */
  async send(caption: string, mentions: Mentions): Promise<boolean> {
    if (this.sending || this.files.length === 0) return false;
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.problem = null;
    this.sending = { stage: "preparing", done: 0, all: this.files.length };
    try {
      const files = await this.#prepared(signal);
      const all = files.reduce((sum, { blob }) => sum + blob.size, 0);
      this.sending = { stage: "encrypting", done: 0, all };
      if (this.#attempt?.caption !== caption) this.#attempt = { id: newMessageId(), caption };
      const progress = (done: number) => {
        if (this.sending) this.sending = { stage: "encrypting", done, all };
      };
      await this.model.sendFiles(files, { id: this.#attempt.id, caption, mentions, progress, signal });
      this.sending = null;
      this.clear();
      if (this.onsent) this.onsent();
      else await this.model.clearDraft();
      return true;
    } catch (error) {
      if (!signal.aborted) this.problem = reasonOf(error);
      return false;
    } finally {
      this.sending = null;
      this.#abort = null;
    }
  }

  async #prepared(signal: AbortSignal) {
    const { prepare } = await loadPrepare();
    const files = [];
    // One after the other: an opened photo takes fifty times its file's size.
    for (const { file } of this.files) {
      const ready = await prepare(file, { original: this.originals }).catch((error) => {
        throw isUnreadable(error) ? new Refusal(text.unreadable(file.name)) : error;
      });
      signal.throwIfAborted();
      const { maxUploadBytes = Number.POSITIVE_INFINITY } = this.#quota ?? {};
      if (ready.blob.size > maxUploadBytes) throw new Refusal(text.tooLargeInside(ready.name, maxUploadBytes));
      files.push(ready);
      this.sending = { stage: "preparing", done: files.length, all: this.files.length };
    }
    return files;
  }

  /** A picture may get smaller yet; everything else is too large now if it is. */
  async #refuseTooLarge(added: readonly TrayFile[]): Promise<void> {
    // Where the server cannot be asked, the client says no later.
    this.#quota ??= await this.model.fileQuota().catch(() => null);
    if (!this.#quota) return;
    const { maxUploadBytes, quotaBytes, usedBytes } = this.#quota;
    const tooLarge = added.filter(({ file }) => file.size > maxUploadBytes && !file.type.startsWith("image/"));
    if (tooLarge.length > 0) {
      this.#set(this.files.filter((item) => !tooLarge.includes(item)));
      const [first] = tooLarge;
      this.problem =
        tooLarge.length === 1 && first
          ? text.tooLarge(first.file.name, maxUploadBytes)
          : text.severalTooLarge(tooLarge.length, maxUploadBytes);
    } else if (quotaBytes !== null && !this.hasPictures && usedBytes + this.bytes > quotaBytes)
      this.problem = text.noRoom(Math.max(0, quotaBytes - usedBytes));
  }

  async #look(added: readonly TrayFile[]): Promise<void> {
    const { look } = await loadPrepare();
    for (const { id, file } of added) {
      const { preview, ...seen } = await look(file).catch((error): Look => {
        if (isUnreadable(error)) this.problem = text.unreadable(file.name);
        return unknown;
      });
      if (!this.files.some((item) => item.id === id)) continue;
      const url = preview && URL.createObjectURL(preview);
      this.files = this.files.map((item) => (item.id === id ? { ...item, ...seen, preview: url } : item));
    }
  }

  #set(files: readonly TrayFile[]): void {
    this.files = files;
    this.#attempt = null;
  }
}

/** Said by the tray itself. */
class Refusal extends Error {}

/** It was moved or changed since it was picked, or the browser may not open it. */
const isUnreadable = (error: unknown) => error instanceof DOMException && /^Not(Readable|Found)Error$/.test(error.name);

function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  const known = { offline: fileText.waiting, "file-unreadable": text.oneUnreadable, "file-changed": text.changed };
  return codeOf(error) ? explain(error, known) : text.failed;
}
