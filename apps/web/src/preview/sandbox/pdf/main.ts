// Draws a PDF: its pages below one another, sharp at every zoom, and where one is.
import { preview as text } from "../../../strings/preview.ts";
import { element, focusQuietly, receive } from "../receive.ts";
import { firstSize, PageView } from "./page-view.ts";
import { openPdf } from "./reader.ts";
import { Tools } from "./tools.ts";
import "./pdf.css";

/** Beside a page. */
const marginPx = 16;
const smallest = 0.25;
const largest = 6;
const step = 1.25;
/** Wider windows do not make a page larger than this by themselves. */
const largestAtFirst = 1.2;

receive(async ({ bytes, name }, answer) => {
  const scroller = element("main", "scroller");
  scroller.tabIndex = 0;
  scroller.setAttribute("aria-label", name);
  const tools = new Tools();
  let pages: readonly PageView[] = [];
  let zoom: "first" | "fit" | number = "first";

  const widest = () => pages.reduce((most, page) => Math.max(most, page.width), 1);
  const scale = () => {
    if (typeof zoom === "number") return zoom;
    const fitting = Math.max(0.1, (scroller.clientWidth - 2 * marginPx) / widest());
    return zoom === "fit" ? Math.min(fitting, largest) : Math.min(fitting, largestAtFirst);
  };

  function layOut(): void {
    const now = scale();
    const { scrollTop, scrollHeight, scrollLeft, scrollWidth, clientWidth } = scroller;
    const middle = (scrollLeft + clientWidth / 2) / scrollWidth;
    for (const page of pages) page.setScale(now);
    scroller.scrollTop = (scrollTop / scrollHeight) * scroller.scrollHeight;
    scroller.scrollLeft = middle * scroller.scrollWidth - clientWidth / 2;
    tools.showZoom(now);
  }

  function setZoom(wanted: "fit" | number): void {
    zoom = typeof wanted === "number" ? Math.min(largest, Math.max(smallest, wanted)) : wanted;
    layOut();
  }

  function whereAmI(): void {
    const middle = scroller.clientHeight / 2;
    const here = pages.findLast(({ box }) => box.getBoundingClientRect().top <= middle);
    tools.showPage(here?.number ?? 1, pages.length);
  }

  tools.onzoom = (what) => setZoom(what === "fit" ? "fit" : scale() * (what === "in" ? step : 1 / step));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") setZoom(scale() * step);
    else if (event.key === "-") setZoom(scale() / step);
    else if (event.key === "0") setZoom("fit");
    else return;
    event.preventDefault();
  });

  try {
    const missing = () => {
      if (!document.querySelector(".missing")) scroller.before(element("p", "missing", text.missing));
    };
    const pdf = await openPdf(new Uint8Array(bytes), missing);
    const size = await firstSize(pdf);
    pages = Array.from({ length: pdf.numPages }, (_, index) => new PageView(pdf, index + 1, size));
  } catch (error) {
    return answer({ state: "failed", problem: (error as Error).name === "PasswordException" ? "password" : "damaged" });
  }

  scroller.append(...pages.map(({ box }) => box));
  document.body.append(scroller, tools.bar);
  layOut();
  const byBox = new Map(pages.map((page) => [page.box as Element, page]));
  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) byBox.get(target)?.setNear(isIntersecting);
    },
    { root: scroller, rootMargin: "100% 0px" },
  );
  for (const { box } of pages) near.observe(box);
  scroller.addEventListener("scroll", whereAmI, { passive: true });
  new ResizeObserver(() => typeof zoom !== "number" && layOut()).observe(scroller);
  whereAmI();
  focusQuietly(scroller);
  answer({ state: "shown", pages: pages.length });
});
