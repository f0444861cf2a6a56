import { expect, test } from "bun:test";
import { FencedStore } from "./fenced-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { Table, type Write } from "./store.ts";

class SlowStore extends MemoryStore {
  readonly gate = Promise.withResolvers<void>();
  override async write(writes: readonly Write[]): Promise<void> {
    await this.gate.promise;
    await super.write(writes);
  }
}

const things = new Table<number>("things");

test("closing waits for what is being written, and lets nothing follow", async () => {
  const inner = new SlowStore();
  const fenced = new FencedStore(inner);
  const writing = fenced.write([things.put("", "early", 1)]);
  let isClosed = false;
  const closing = fenced.close().then(() => {
    isClosed = true;
  });
  await expect(fenced.write([things.put("", "late", 2)])).rejects.toThrow();
  await expect(fenced.read({ table: "things", group: "", key: "early" })).rejects.toThrow();
  expect(isClosed).toBe(false);
  inner.gate.resolve();
  await writing;
  await closing;
  expect((await things.list(inner)).map((record) => record.key)).toEqual(["early"]);
});
