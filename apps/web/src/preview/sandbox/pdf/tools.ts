// Where one is in a PDF, and how large it is.
import { preview as text } from "../../../strings/preview.ts";
import { element } from "../receive.ts";

type Zoom = "in" | "out" | "fit";

export class Tools {
  readonly bar = element("div", "tools");
  readonly #page = element("span", "place");
  readonly #zoom = element("span", "percent");
  onzoom: (what: Zoom) => void = () => {};

  constructor() {
    this.bar.setAttribute("role", "toolbar");
    this.bar.setAttribute("aria-label", text.tools);
    this.bar.append(
      this.#page,
      this.#button("out", text.zoomOut, "M5 12h14"),
      this.#zoom,
      this.#button("in", text.zoomIn, "M5 12h14M12 5v14"),
      this.#button("fit", text.fit, "M3 6v12M21 6v12M7 12h10M10 9l-3 3 3 3M14 9l3 3-3 3"),
    );
  }

  showPage(place: number, count: number): void {
    this.#page.textContent = text.page(place, count);
  }

  showZoom(scale: number): void {
    this.#zoom.textContent = text.zoom(scale);
  }

  #button(what: Zoom, label: string, path: string): HTMLButtonElement {
    const made = element("button");
    made.type = "button";
    made.dataset.zoom = what;
    made.title = label;
    made.setAttribute("aria-label", label);
    made.append(drawing(path));
    made.addEventListener("click", () => this.onzoom(what));
    return made;
  }
}

function drawing(path: string): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
