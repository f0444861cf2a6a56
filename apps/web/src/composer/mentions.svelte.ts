// Completion of `@` to the names of a room's members, and whom a finished text names.
import type { RoomPersonView } from "@cychat/sdk";
import { fuzzyScore } from "../shell/fuzzy.ts";
import { chat } from "../state/chat.svelte.ts";
import type { RoomPeople } from "../state/room-people.svelte.ts";
import type { Mentions } from "../state/timeline.svelte.ts";
import { roomComposer } from "../strings/rooms.ts";
import { findMentions } from "../timeline/tokens.ts";
import { type MentionStart, mentionAt } from "./mention-at.ts";

export type Candidate = RoomPersonView | "all";

const maxShown = 8;
const maxNamed = 50;
export const nameOf = (who: Candidate) => (who === "all" ? roomComposer.allName : who.nickname);

export class MentionCompletion {
  selected = $state(0);
  #start: MentionStart | null = $state.raw(null);
  /** Picked from the list: tells people of the same name apart. */
  #chosen: readonly Candidate[] = [];
  readonly found: readonly Candidate[] = $derived.by(() => this.#find());
  readonly isOpen = $derived(this.found.length > 0);

  /** `maySayAll`: whether `@all` counts when one writes it. */
  constructor(
    private readonly room: RoomPeople,
    private readonly maySayAll: () => boolean,
  ) {}

  /** The members are read before they are needed, and only where they are. */
  prepare(text: string): void {
    if (text.includes("@")) void this.room.known();
  }

  /** After every change of the text or the caret. */
  look(text: string, caret: number): void {
    this.prepare(text);
    const start = mentionAt(text, caret);
    if (start?.from !== this.#start?.from || start?.query !== this.#start?.query) this.selected = 0;
    this.#start = start;
  }

  move(by: 1 | -1): void {
    const { length } = this.found;
    this.selected = (this.selected + by + length) % length;
  }

  close(): void {
    this.#start = null;
  }

  choose(who: Mentions): void {
    this.prepare(who.length > 0 ? "@" : "");
    this.#chosen = [...this.#chosen, ...who];
  }

  /** The text with the name in it, and where the caret goes. */
  complete(text: string, index: number): { readonly text: string; readonly caret: number } | null {
    const who = this.found[index];
    const start = this.#start;
    if (who === undefined || start === null) return null;
    this.#chosen = [...this.#chosen, who];
    this.close();
    const before = `${text.slice(0, start.from)}@${nameOf(who)} `;
    const after = text.slice(start.from + 1 + start.query.length).replace(/^ /, "");
    return { text: before + after, caret: before.length };
  }

  /** Whom this text names: who was picked, and whose name can only mean one member. */
  namedIn(text: string): Mentions {
    const { members = [] } = this.room.people ?? {};
    const byName = Map.groupBy(members, ({ nickname }) => nickname.toLowerCase());
    const certain = [...byName.values()].flatMap((same) => (same.length === 1 ? same : []));
    const known = new Map<string, Candidate>();
    for (const who of [...certain, ...this.#chosen]) known.set(nameOf(who).toLowerCase(), who);
    if (this.maySayAll()) known.set(roomComposer.allName, "all");
    else known.delete(roomComposer.allName);
    const named = findMentions(
      text,
      [...known.values()].map((who) => ({ name: nameOf(who), who })),
    );
    return [...new Set(named.map((found) => plain(found.who.who)))].slice(0, maxNamed);
  }

  #find(): readonly Candidate[] {
    const start = this.#start;
    if (start === null) return [];
    const everybody: Candidate[] = this.maySayAll() ? ["all"] : [];
    const others = (this.room.people?.members ?? []).filter(({ id, nickname }) => id !== chat.profile?.id && nickname !== "");
    // "@Anna " is finished: the next word is none of hers.
    const finished = start.query.endsWith(" ") && others.some(({ nickname }) => isSame(nickname, start.query));
    if (finished || (start.query.endsWith(" ") && isSame(roomComposer.allName, start.query))) return [];
    return [...others, ...everybody]
      .map((who) => ({ who, score: fuzzyScore(start.query, nameOf(who)) }))
      .filter(({ score }) => score > 0)
      .toSorted((a, b) => b.score - a.score || byName(a.who, b.who))
      .slice(0, maxShown)
      .map(({ who }) => who);
  }
}

// Everybody at once is seldom meant: it stands last.
const byName = (a: Candidate, b: Candidate) => Number(a === "all") - Number(b === "all") || nameOf(a).localeCompare(nameOf(b));
const isSame = (a: string, b: string) => a.toLowerCase() === b.trim().toLowerCase();
// What crosses to the client is a person and nothing more.
const plain = (who: Candidate): Candidate =>
  who === "all" ? who : { id: who.id, nickname: who.nickname, pictureVersion: who.pictureVersion };
