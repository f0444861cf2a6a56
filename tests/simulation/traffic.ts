// Knows whether anything is under way between clients and server: only when nothing is may the clock go on.

/** Only a simulation that hangs ever waits this long. */
const hungAfterMs = 20_000;

export class Traffic {
  #underWay = 0;
  #happened = 0;
  #waiting: (() => void)[] = [];

  /** Grows with everything that happens. */
  get happened(): number {
    return this.#happened;
  }

  get isQuiet(): boolean {
    return this.#underWay === 0;
  }

  /** Something began that the other side will answer: call what this returns, once or more, when it has. */
  begin(): () => void {
    let isOpen = true;
    this.#underWay += 1;
    this.#happened += 1;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#underWay -= 1;
      this.happen();
    };
  }

  happen(): void {
    this.#happened += 1;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  next(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("The simulation hangs: the server does not answer.")), hungAfterMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
