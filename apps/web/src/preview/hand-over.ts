// The app's side of messages.ts: waits for the page in a frame, gives it one file, and hears what becomes of that.
import { type Answer, readAnswer, ready, type Shown } from "./messages.ts";

/** After a page has come, its script has said so long before this. */
const patienceMs = 4_000;

interface Given {
  /** Asked for once the page is there. */
  readonly file: () => Promise<Shown>;
  readonly onanswer: (answer: Answer) => void;
  /** The page did not come, or is another one by now. */
  readonly onlost: () => void;
}

/** Until the returned function is called. */
export function handOver(frame: HTMLIFrameElement, { file, onanswer, onlost }: Given): () => void {
  const { port1: port, port2 } = new MessageChannel();
  let state: "waiting" | "given" | "over" = "waiting";
  let loads = 0;
  let patience: ReturnType<typeof setTimeout> | undefined;

  port.onmessage = ({ data }) => {
    const answer = readAnswer(data);
    if (answer && state === "given") onanswer(answer);
  };

  async function onmessage({ source, origin, data }: MessageEvent): Promise<void> {
    // Whoever has an origin is not shut in, and gets nothing.
    if (source !== frame.contentWindow || origin !== "null" || data !== ready || state !== "waiting") return;
    state = "given";
    clearTimeout(patience);
    const shown = await file().catch(() => null);
    // @ts-expect-error state may have changed while waiting
    if (state === "over") return;
    if (shown === null) lose();
    // A page without an origin can be named by nothing but a star; that it is the one is told by its window.
    else frame.contentWindow?.postMessage(shown, "*", [shown.bytes, port2]);
  }

  function onload(): void {
    loads += 1;
    // A second one: the page has left for another address.
    if (loads > 1) lose();
    else if (state === "waiting") patience = setTimeout(lose, patienceMs);
  }

  function lose(): void {
    if (state === "over") return;
    end();
    onlost();
  }

  function end(): void {
    state = "over";
    clearTimeout(patience);
    removeEventListener("message", onmessage);
    frame.removeEventListener("load", onload);
    port.close();
  }

  addEventListener("message", onmessage);
  frame.addEventListener("load", onload);
  return end;
}
