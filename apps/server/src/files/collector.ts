// Deletes what nobody wants any more: uploads that no message has named and that have not gone on for a day, and blobs that
// a crash has left without a row.
import type { BlobId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { Log } from "../log.ts";
import type { BlobStore } from "./blob-store.ts";
import { ClockWatch } from "./clock-watch.ts";
import { deleteAbandoned, deleteIfUntouched, touchedAfter, withoutRow } from "./store.ts";

export interface Collector {
  /** Deletes what is too old now; how many blobs that were. */
  run(): Promise<number>;
  stop(): Promise<void>;
}

export interface CollectorDeps {
  readonly db: Db;
  readonly blobs: BlobStore;
  readonly log: Log;
  /** The clock that uploads are stamped with, in milliseconds since 1970. Somebody may set it. */
  readonly now: () => number;
  /** A clock that nobody sets, in milliseconds since any moment. */
  readonly steadyNow: () => number;
}

const dayMs = 24 * 3600 * 1000;
const everyMs = 3600 * 1000;
/** Uploads that went on across a restart have been touched again by then, whatever was done to the clock meanwhile. */
const firstAfterMs = 10 * 60 * 1000;
const idsAtOnce = 100;

/** Runs ten minutes after the start, and then every hour. */
export function startCollector({ db, blobs, log, now, steadyNow }: CollectorDeps): Collector {
  const watch = new ClockWatch(now, steadyNow);
  let running: Promise<unknown> = Promise.resolve();

  async function collect(): Promise<number> {
    const beforeMs = now() - dayMs - watch.putForwardMs(dayMs);
    let deleted = 0;
    await deleteAbandoned(db, beforeMs, async (ids) => {
      await blobs.remove(ids);
      deleted += ids.length;
    });
    return deleted + (await removeUnmoved()) + (await removeStray(beforeMs));
  }

  /** Those that were touched in the future: then the clock was wrong, or is. They count as old once a steady day has passed. */
  async function removeUnmoved(): Promise<number> {
    const removed: BlobId[] = [];
    for (const { id, touched_at_ms } of watch.unchanged(await touchedAfter(db, now()), dayMs))
      if (await deleteIfUntouched(db, id, touched_at_ms)) removed.push(id);
    await blobs.remove(removed);
    return removed.length;
  }

  async function removeStray(beforeMs: number): Promise<number> {
    let removed = 0;
    let ids: BlobId[] = [];
    const removeThose = async () => {
      const stray = await withoutRow(db, ids);
      await blobs.remove(stray);
      removed += stray.length;
      ids = [];
    };
    for await (const id of blobs.olderThan(beforeMs)) if (ids.push(id) === idsAtOnce) await removeThose();
    await removeThose();
    return removed;
  }

  function run(): Promise<number> {
    const result = running.then(collect);
    running = result.catch(() => {});
    return result;
  }

  function runAndLog(): void {
    run().then(
      (deleted) => deleted > 0 && log.info("files-collected", { deleted }),
      (cause: unknown) => log.error("collecting-failed", { cause }),
    );
  }

  const first = setTimeout(runAndLog, firstAfterMs);
  const timer = setInterval(runAndLog, everyMs);

  return {
    run,
    async stop() {
      clearTimeout(first);
      clearInterval(timer);
      await running;
    },
  };
}
