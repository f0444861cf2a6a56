// The page's side of messages.ts.
import { type Answer, ready, type Shown } from "../messages.ts";

type Draw = (file: Shown, answer: (answer: Answer) => void) => void;

/** Draws the one file that the app hands over; nothing where this page is not shut in as it must be. */
export function receive(draw: Draw): void {
  if (self.origin !== "null" || parent === self) return;
  const app = location.origin;
  addEventListener("message", function take({ source, origin, data, ports: [port] }: MessageEvent<Shown>) {
    if (source !== parent || origin !== app || !port) return;
    removeEventListener("message", take);
    const answer = (answer: Answer) => port.postMessage(answer);
    document.documentElement.dataset.theme = data.theme;
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) answer({ state: "closed" });
    });
    draw(data, answer);
  });
  parent.postMessage(ready, app);
}

/** An element with a class and a text, which is never read as anything else. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = "",
  text = "",
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

/** So that its keys scroll; nobody has come to it by a key, so no ring is drawn around all there is. */
export function focusQuietly(scroller: HTMLElement): void {
  scroller.focus({ preventScroll: true, focusVisible: false } as FocusOptions);
}
