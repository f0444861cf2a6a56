import { expect, test } from "bun:test";
import { launchBrowser } from "./launch.ts";

test("the browser starts, with fonts for the scripts the tests draw", async () => {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.setContent("<p style='direction: rtl'>שלום · مرحبا · 🎉</p>");
    expect(await page.locator("p").textContent()).toBe("שלום · مرحبا · 🎉");
  } finally {
    await browser.close();
  }
});
