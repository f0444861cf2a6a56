// One page: its place from the start, drawn while it is near, let go of when it is far.
import {
  AnnotationMode,
  type PDFDocumentProxy,
  type PDFPageProxy,
  type RenderTask,
  TextLayer,
} from "pdfjs-dist/legacy/build/pdf.mjs";
import { preview as text } from "../../../strings/preview.ts";
import { element } from "../receive.ts";

/** Some phones draw nothing on a larger canvas. */
const mostCanvasPixels = 16_000_000;
const cssPerPoint = 96 / 72;

export interface Size {
  /** In CSS pixels at 100 %. */
  readonly width: number;
  readonly height: number;
}

export class PageView {
  readonly box = element("div", "page");
  #page: PDFPageProxy | null = null;
  #size: Size;
  #scale = 1;
  #drawnScale = 0;
  #task: RenderTask | null = null;
  #isNear = false;

  constructor(
    readonly pdf: PDFDocumentProxy,
    readonly number: number,
    guess: Size,
  ) {
    this.#size = guess;
    this.box.dataset.page = String(number);
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", text.pageLabel(number));
  }

  get width(): number {
    return this.#size.width;
  }

  setScale(scale: number): void {
    this.#scale = scale;
    this.#place();
    if (this.#isNear) void this.#draw();
  }

  setNear(isNear: boolean): void {
    this.#isNear = isNear;
    if (isNear) void this.#draw();
    else this.#clear();
  }

  async #draw(): Promise<void> {
    const scale = this.#scale;
    if (this.#drawnScale === scale) return;
    this.#drawnScale = scale;
    try {
      this.#page ??= await this.pdf.getPage(this.number);
      const { width, height } = this.#page.getViewport({ scale: cssPerPoint });
      this.#size = { width, height };
      this.#place();
      if (this.#isNear && this.#scale === scale) await this.#drawPage(this.#page, scale);
    } catch (error) {
      if ((error as Error).name === "RenderingCancelledException") return;
      this.box.replaceChildren(element("p", "failed", text.pageFailed(this.number)));
    }
  }

  async #drawPage(page: PDFPageProxy, scale: number): Promise<void> {
    this.#task?.cancel();
    const viewport = page.getViewport({ scale: scale * cssPerPoint });
    const sharp = Math.min(devicePixelRatio || 1, Math.sqrt(mostCanvasPixels / (viewport.width * viewport.height)));
    const canvas = element("canvas");
    canvas.width = Math.max(1, Math.floor(viewport.width * sharp));
    canvas.height = Math.max(1, Math.floor(viewport.height * sharp));
    canvas.setAttribute("aria-hidden", "true");
    this.#task = page.render({
      canvas,
      viewport,
      transform: [canvas.width / viewport.width, 0, 0, canvas.height / viewport.height, 0, 0],
      annotationMode: AnnotationMode.ENABLE,
    });
    await this.#task.promise;
    if (!this.#isNear || this.#scale !== scale) return;
    // The one before stays until this one is there.
    const words = element("div", "words");
    this.box.replaceChildren(canvas, words);
    words.style.setProperty("--total-scale-factor", String(viewport.scale));
    await new TextLayer({ textContentSource: page.streamTextContent(), container: words, viewport }).render();
  }

  #clear(): void {
    this.#task?.cancel();
    this.#task = null;
    this.#drawnScale = 0;
    this.box.replaceChildren();
    this.#page?.cleanup();
  }

  #place(): void {
    this.box.style.inlineSize = `${Math.floor(this.#size.width * this.#scale)}px`;
    this.box.style.blockSize = `${Math.floor(this.#size.height * this.#scale)}px`;
  }
}

/** What all pages are taken to be like until they are drawn. */
export async function firstSize(pdf: PDFDocumentProxy): Promise<Size> {
  const { width, height } = (await pdf.getPage(1)).getViewport({ scale: cssPerPoint });
  return { width, height };
}
