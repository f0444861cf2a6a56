// One file of the gallery on its way to the browser's downloads.
import { Opening } from "../files/opening.svelte.ts";
import { save } from "../files/save.ts";
import { type Saving, savingOf } from "../streaming/saving.svelte.ts";
import type { Item } from "./months.ts";

/** What is larger is saved without being in memory as a whole. */
const savedWholeBytes = 32 * 1024 * 1024;

export class Downloading {
  readonly #opening: Opening;
  readonly #saving: Saving;

  constructor(private readonly item: Item) {
    this.#opening = new Opening(() => item.message, item.index);
    this.#saving = savingOf(item.message, item.index);
  }

  /** Bytes that have come; null while nothing is under way. */
  get done(): number | null {
    return this.#opening.done ?? this.#saving.done;
  }

  get problem(): string | null {
    return this.#opening.problem ?? this.#saving.problem;
  }

  async start(): Promise<void> {
    const { message, index } = this.item;
    const file = message.files[index];
    if (!file) return;
    this.#saving.problem = null;
    if (file.size > savedWholeBytes && (await this.#saving.start(message, index))) return;
    const blob = await this.#opening.open();
    if (blob) save(blob, file.name);
  }

  stop(): void {
    this.end();
    this.#saving.stop();
  }

  /** Its line is gone; a large file goes on to where it is saved. */
  end(): void {
    this.#opening.stop();
  }
}
