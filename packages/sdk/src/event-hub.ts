import type { ChatEvent } from "./client-api.ts";
import type { Clock } from "./environment.ts";

/** Lists change with every message; so often, at most, the whole list goes out. */
const coalesceMs = 15;

/** Tells listeners what changed. A listener that throws does not keep others from hearing. */
export class EventHub {
  readonly #listeners = new Set<(event: ChatEvent) => void>();
  readonly #later = new Map<string, () => Promise<ChatEvent | null>>();
  #timer: unknown = null;

  constructor(
    readonly clock: Clock,
    readonly onListenerError: (error: unknown) => void = () => {},
  ) {}

  subscribe(listener: (event: ChatEvent) => void): () => void {
    // A function of its own for each call, so that one listener may subscribe twice.
    const own = (event: ChatEvent) => listener(event);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  emit(event: ChatEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.onListenerError(error);
      }
    }
  }

  /** Emits what `make` gives a moment later, once for all who ask under one name until then. */
  soon(name: string, make: () => Promise<ChatEvent | null>): void {
    this.#later.set(name, make);
    this.#timer ??= this.clock.setTimeout(() => void this.flush(), coalesceMs);
  }

  /** Emits what waits, now. */
  async flush(): Promise<void> {
    if (this.#timer !== null) this.clock.clearTimeout(this.#timer);
    this.#timer = null;
    const waiting = [...this.#later.values()];
    this.#later.clear();
    for (const make of waiting) {
      try {
        const event = await make();
        if (event !== null) this.emit(event);
      } catch (error) {
        this.onListenerError(error);
      }
    }
  }

  close(): void {
    if (this.#timer !== null) this.clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#later.clear();
  }
}
