// What can be measured of how a page looks.
import axe from "axe-core";
import type { Page } from "playwright-core";

/** As the browser's own setting for the size of text does. */
export const setFontSize = (page: Page, size: string) =>
  page.evaluate((value) => document.documentElement.style.setProperty("font-size", value), size);

/** Every animation at its end, so that what is measured stands still. */
export const standStill = (page: Page) =>
  page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));

export async function seriousProblems(page: Page): Promise<string[]> {
  await standStill(page);
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{ violations: { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`));
  });
}

/** What reaches over the sides of the window, of everything one reads or presses. */
export const overTheSides = (page: Page) =>
  page.evaluate(() => {
    const found: string[] = [];
    const { scrollWidth } = document.documentElement;
    if (scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} px wide in a window of ${innerWidth}`);
    for (const element of document.querySelectorAll<HTMLElement>(
      "a, button, input, textarea, label, h1, h2, h3, p, li, dd, dt, kbd",
    )) {
      const { left, right, width } = element.getBoundingClientRect();
      if (width <= 1 || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      // A block of code scrolls by itself.
      if (element.closest("pre, .skip, .visually-hidden")) continue;
      if (left < -0.5 || right > innerWidth + 0.5)
        found.push(
          `<${element.localName} class="${element.className}"> ${Math.round(left)}–${Math.round(right)}: ${element.innerText.slice(0, 40)}`,
        );
    }
    return found;
  });

/** What one presses and is smaller than 44 px in a direction, links in running text excepted. */
export async function tooSmallForAFinger(page: Page): Promise<string[]> {
  await standStill(page);
  return page.evaluate(() =>
    [
      ...document.querySelectorAll<HTMLElement>(
        "button, a, input:not([type=file]):not([type=radio]):not([type=checkbox]), textarea, select",
      ),
    ]
      .filter(
        (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest(".skip, p"),
      )
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 1 && (box.height < 43.5 || box.width < 43.5))
      .map(({ element, box }) => `${element.outerHTML.slice(0, 90)} ${Math.round(box.width)}×${Math.round(box.height)}`),
  );
}
