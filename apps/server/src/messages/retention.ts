// MESSAGE_RETENTION_DAYS: what is older is erased, as if its sender had done it. Costs in proportion to what is erased.
import type { Chats } from "../chats/service.ts";
import type { Log } from "../log.ts";

export interface Retention {
  /** Erases what is too old now; how much that was. */
  run(): Promise<number>;
  stop(): Promise<void>;
}

export interface RetentionDeps {
  readonly chats: Pick<Chats, "eraseBefore">;
  readonly log: Log;
  readonly days: number;
  readonly now: () => number;
}

const dayMs = 24 * 3600 * 1000;
const everyMs = 3600 * 1000;

export function startRetention({ chats, log, days, now }: RetentionDeps): Retention {
  let running: Promise<number> = Promise.resolve(0);

  function run(): Promise<number> {
    running = running.then(() => chats.eraseBefore(now() - days * dayMs));
    return running;
  }

  const timer = setInterval(() => {
    run().then(
      (erased) => erased > 0 && log.info("retention", { erased }),
      (cause: unknown) => log.error("retention-failed", { cause }),
    );
  }, everyMs);

  return {
    run,
    async stop() {
      clearInterval(timer);
      await running.catch(() => 0);
    },
  };
}
