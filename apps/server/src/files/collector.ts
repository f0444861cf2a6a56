// Deletes what nobody wants any more: uploads that no message has named and that have not gone on for a day, and files that
// a crash has left without a row.
import type { Db } from "../database/engine.ts";
import type { Log } from "../log.ts";
import type { BlobFiles } from "./blob-files.ts";
import { deleteAbandoned, withoutRow } from "./store.ts";

export interface Collector {
  /** Deletes what is too old now; how many files that were. */
  run(): Promise<number>;
  stop(): Promise<void>;
}

export interface CollectorDeps {
  readonly db: Db;
  readonly blobFiles: BlobFiles;
  readonly log: Log;
  readonly now: () => number;
}

const dayMs = 24 * 3600 * 1000;
const everyMs = 3600 * 1000;

/** Runs at once, and then every hour. */
export function startCollector({ db, blobFiles, log, now }: CollectorDeps): Collector {
  let running: Promise<unknown> = Promise.resolve();

  async function collect(): Promise<number> {
    const beforeMs = now() - dayMs;
    let deleted = 0;
    await deleteAbandoned(db, beforeMs, async (blobs) => {
      await blobFiles.remove(blobs);
      deleted += blobs.length;
    });
    const stray = await withoutRow(db, await blobFiles.olderThan(beforeMs));
    await blobFiles.remove(stray);
    return deleted + stray.length;
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

  runAndLog();
  const timer = setInterval(runAndLog, everyMs);

  return {
    run,
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
