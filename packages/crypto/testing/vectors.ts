// For tests only: fixed answers in vectors/*.json. UPDATE_VECTORS=1 writes them anew; a changed one is a changed protocol.
import { expect } from "bun:test";

export async function checkVector(name: string, answers: Record<string, unknown>): Promise<void> {
  const file = Bun.file(new URL(`../vectors/${name}.json`, import.meta.url));
  if (Bun.env.UPDATE_VECTORS === "1") await Bun.write(file, `${JSON.stringify(answers, null, 2)}\n`);
  expect(JSON.parse(JSON.stringify(answers))).toEqual(await file.json());
}
