// Both sides, the page's and the worker's, with channels between them as in a browser.
import { expect, test } from "bun:test";
import { answerStream, type Page, streamId } from "./answer.ts";
import type { StreamQuestion } from "./messages.ts";
import { type Address, ServedFiles } from "./served-files.ts";

const piece = 1024 * 1024;
const bytes = Uint8Array.from({ length: 2 * piece + 777 }, (_, at) => (at * 7 + (at >> 8)) & 255);
const size = bytes.length;

/** A window that other scripts of ours run in. */
function page(files: ServedFiles): Page {
  return { postMessage: (question: StreamQuestion, [port]: Transferable[]) => files.answer(question, port as MessagePort) };
}

const idOf = ({ url }: Address) => streamId(url) ?? "";
const ask = (id: string, pages: readonly Page[], range?: string) =>
  answerStream(new Request("http://localhost/stream/x", { headers: range === undefined ? {} : { range } }), id, pages);

/** As a browser asks for what is saved; a request for a navigation cannot be made by a script. */
const goTo = (id: string, pages: readonly Page[]) => {
  const request = new Request("http://localhost/stream/x");
  Object.defineProperty(request, "mode", { value: "navigate" });
  return answerStream(request, id, pages);
};

const played = (files: ServedFiles, read = async (from: number, to: number) => bytes.slice(from, to)) =>
  files.add({ file: { use: "play", size, type: "video/mp4" }, read });
const saved = (files: ServedFiles, read = async (from: number, to: number): Promise<Uint8Array> => bytes.slice(from, to)) =>
  files.add({ file: { use: "save", size, name: "a film.mp4" }, read });

test("a player gets the piece it asks for, of a type that is ours, and nothing that could run", async () => {
  const files = new ServedFiles();
  const id = idOf(played(files));
  const other = new ServedFiles();
  for (const [range, from, to] of [
    ["bytes=0-", 0, piece],
    [`bytes=${piece + 3}-`, piece + 3, 2 * piece],
    ["bytes=5-9", 5, 10],
    ["bytes=-10", size - 10, size],
  ] as const) {
    const answer = await ask(id, [page(other), page(files)], range);
    expect(answer.status).toBe(206);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes.slice(from, to));
    expect(Object.fromEntries(answer.headers)).toEqual({
      "accept-ranges": "bytes",
      "cache-control": "no-store",
      "content-length": String(to - from),
      "content-range": `bytes ${from}-${to - 1}/${size}`,
      "content-security-policy": "default-src 'none'; sandbox",
      "content-type": "video/mp4",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    });
  }
  const behind = await ask(id, [page(files)], `bytes=${size}-`);
  expect([behind.status, behind.headers.get("content-range")]).toEqual([416, `bytes */${size}`]);
  const whole = await ask(id, [page(files)]);
  expect([whole.status, whole.headers.get("content-length")]).toEqual([200, String(size)]);
  expect(new Uint8Array(await whole.arrayBuffer())).toEqual(bytes);
});

test("what nobody knows, knows no more, or knows for another use is refused", async () => {
  const files = new ServedFiles();
  const film = played(files);
  const download = saved(files);
  expect((await ask(crypto.randomUUID(), [page(files)], "bytes=0-")).status).toBe(404);
  expect((await ask(idOf(film), [], "bytes=0-")).status).toBe(404);
  expect((await goTo(idOf(film), [page(files)])).status).toBe(404);
  expect((await ask(idOf(download), [page(files)])).status).toBe(404);
  expect((await ask(idOf(film), [page(files)], "bytes=0-")).status).toBe(206);
  film.end();
  expect((await ask(idOf(film), [page(files)], "bytes=0-")).status).toBe(404);
});

test("what cannot be read is an error of the network to the player, never a shorter file", async () => {
  const files = new ServedFiles();
  const damaged = played(files, () => Promise.reject(new Error("damaged")));
  expect((await ask(idOf(damaged), [page(files)], "bytes=0-")).type).toBe("error");
  const short = played(files, async (from, to) => bytes.slice(from, to - 1));
  expect((await ask(idOf(short), [page(files)], "bytes=0-")).type).toBe("error");
  const never = played(files, () => new Promise(() => {}));
  const waiting = ask(idOf(never), [page(files)], "bytes=0-");
  setTimeout(() => never.end());
  expect((await waiting).type).toBe("error");
});

test("what is saved comes whole, in order, as bytes with a name", async () => {
  const files = new ServedFiles();
  const asked: number[] = [];
  const download = saved(files, async (from, to) => {
    asked.push(from);
    return bytes.slice(from, to);
  });
  const answer = await goTo(idOf(download), [page(files)]);
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
  expect(asked).toEqual([0, piece, 2 * piece]);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/octet-stream");
  expect(answer.headers.get("content-length")).toBe(String(size));
  expect(answer.headers.get("content-disposition")).toStartWith('attachment; filename="a film.mp4";');
  expect(answer.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
});

test("a saved file that is refused in the middle, stopped, or lost ends with an error", async () => {
  const files = new ServedFiles();
  const damaged = saved(files, async (from, to) => {
    if (to === size) throw new Error("not what was sent");
    return bytes.slice(from, to);
  });
  const refused = await goTo(idOf(damaged), [page(files)]);
  expect(await refused.arrayBuffer().catch((error: Error) => error.message)).toBe("the page gave no bytes");

  const stopped = saved(files);
  const answer = await goTo(idOf(stopped), [page(files)]);
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  stopped.end();
  const rest = async () => {
    while (!(await reader.read()).done);
  };
  expect(await rest().catch((error: Error) => error.message)).toBe("the page gave no bytes");
});

test("the page hears when the browser wants no more", async () => {
  const files = new ServedFiles();
  const { promise, resolve } = Promise.withResolvers<void>();
  const download = files.add({
    file: { use: "save", size, name: "a" },
    read: async (from, to) => bytes.slice(from, to),
    onstop: resolve,
  });
  const answer = await goTo(idOf(download), [page(files)]);
  await answer.body?.cancel();
  await promise;
});
