import { describe, expect, test } from "bun:test";
import type { ChatClient, MessageView } from "@cychat/sdk";
import { OpenedFiles } from "./opened-files.ts";

const message = { conversation: "c", id: "m" } as unknown as MessageView;

function fakeClient() {
  const calls: { index: number; give(size: number): void; signal: AbortSignal }[] = [];
  const openFile = (_conversation: string, _id: string, index: number, { signal }: { signal: AbortSignal }) =>
    new Promise<Blob>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      calls.push({ index, signal, give: (size) => resolve({ size } as Blob) });
    });
  return { client: { openFile } as unknown as ChatClient, calls };
}
const opening = (signal = new AbortController().signal) => ({ progress: () => {}, signal });

describe("opened files", () => {
  test("are fetched once, also for two who ask at the same time", async () => {
    const { client, calls } = fakeClient();
    const files = new OpenedFiles();
    const both = [files.open(client, message, 0, opening()), files.open(client, message, 0, opening())];
    calls[0]?.give(10);
    const [one, two] = await Promise.all(both);
    expect(one).toBe(two as Blob);
    expect(await files.open(client, message, 0, opening())).toBe(one as Blob);
    expect(calls).toHaveLength(1);
  });

  test("stop coming once nobody waits for them any more", async () => {
    const { client, calls } = fakeClient();
    const files = new OpenedFiles();
    const [first, second] = [new AbortController(), new AbortController()];
    const both = [files.open(client, message, 0, opening(first.signal)), files.open(client, message, 0, opening(second.signal))];
    first.abort();
    expect(await Promise.allSettled([both[0]])).toMatchObject([{ status: "rejected" }]);
    expect(calls[0]?.signal.aborted).toBe(false);
    second.abort();
    await Promise.allSettled(both);
    expect(calls[0]?.signal.aborted).toBe(true);
    void files.open(client, message, 0, opening());
    expect(calls).toHaveLength(2);
  });

  test("are let go of, the oldest first, where they get too large together, and with the session", async () => {
    const { client, calls } = fakeClient();
    const files = new OpenedFiles();
    const open = async (index: number) => {
      const opened = files.open(client, message, index, opening());
      calls.findLast((call) => call.index === index)?.give(40 * 1024 * 1024);
      await opened;
    };
    for (const index of [0, 1, 2]) await open(index);
    expect(calls).toHaveLength(3);
    await files.open(client, message, 2, opening());
    await open(0);
    expect(calls).toHaveLength(4);
    files.clear();
    await open(2);
    expect(calls).toHaveLength(5);
  });
});
