// People for the measures, registered once a run with the real server, and the data folder that holds them: every
// start of a server in a measure gets a copy of its own, so that all rounds begin with the same data.
import { cpSync, rmSync } from "node:fs";
import { CannotMeasure } from "../measure.ts";
import type { Children } from "../processes/children.ts";
import { startServer } from "../processes/server.ts";
import { inParallel } from "./in-parallel.ts";
import { createPair, type Pair } from "./pair.ts";
import { createPerson } from "./person.ts";

export interface People {
  /** Everybody is in exactly one pair. */
  readonly pairs: readonly Pair[];
  /** A new copy of the data folder. */
  copyData(): string;
}

/** Two accounts at once keep both cores busy with the server's Argon2id; the rest hides the waiting. */
const width = 8;

export class PeopleCache {
  readonly #children: Children;
  #made: { readonly count: number; readonly people: People } | null = null;

  constructor(children: Children) {
    this.#children = children;
  }

  /** At least `count` people (an even number), or a plain refusal when that would take longer than `patienceMs`. */
  async atLeast(count: number, patienceMs: number): Promise<People> {
    if (this.#made === null || this.#made.count < count) this.#made = { count, people: await this.#make(count, patienceMs) };
    return this.#made.people;
  }

  async #make(count: number, patienceMs: number): Promise<People> {
    const dataDir = this.#children.newPath("data");
    await using server = await startServer(this.#children, { dataDir, core: null });
    const startedAt = performance.now();
    const indexes = Array.from({ length: count }, (_, index) => index);
    let made = 0;
    const people = await inParallel(indexes, width, async (index) => {
      const elapsedMs = performance.now() - startedAt;
      // An estimate after the first few, and the plain limit for when the machine slows down later.
      const estimateMs = made >= 20 ? (elapsedMs / made) * count : 0;
      if (Math.max(estimateMs, elapsedMs) > patienceMs) {
        throw new CannotMeasure(`registering ${count} accounts would take longer than ${Math.round(patienceMs / 1000)} s here`);
      }
      const person = await createPerson(server.url, `person${index}`);
      made += 1;
      return person;
    });
    const twos = people.flatMap((a, index) => {
      const b = people[index + 1];
      return index % 2 === 0 && b ? [[a, b] as const] : [];
    });
    const pairs = await inParallel(twos, width, ([a, b]) => createPair(server.url, a, b));
    await server.stop();
    return { pairs, copyData: () => this.#copy(dataDir) };
  }

  #copy(dataDir: string): string {
    const copy = this.#children.newPath("data-copy");
    cpSync(dataDir, copy, { recursive: true });
    return copy;
  }
}

/** For copies that a round is done with: ten of them are no reason to fill a disk. */
export function discard(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true });
}
