import type { Page } from "playwright-core";

/** An evening by the hills, as the page's browser writes it. */
export async function drawLandscape(page: Page, width: number, height: number, type: string): Promise<Buffer> {
  const base64 = await page.evaluate(
    ([width, height, type]) => {
      const canvas = document.createElement("canvas");
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      const sky = context.createLinearGradient(0, 0, 0, height);
      sky.addColorStop(0, "#f6b26b");
      sky.addColorStop(0.55, "#d9658b");
      sky.addColorStop(1, "#3d3c74");
      context.fillStyle = sky;
      context.fillRect(0, 0, width, height);
      context.fillStyle = "#fff3d6";
      context.beginPath();
      context.arc(width * 0.7, height * 0.35, Math.min(width, height) * 0.1, 0, 7);
      context.fill();
      context.fillStyle = "#22284d";
      context.beginPath();
      context.moveTo(0, height);
      for (let x = 0; x <= 40; x++)
        context.lineTo((x / 40) * width, height * (0.72 + 0.1 * Math.sin(x * 0.9) + 0.05 * Math.sin(x * 2.3)));
      context.lineTo(width, height);
      context.fill();
      return canvas.toDataURL(type, 0.9).split(",")[1] as string;
    },
    [width, height, type] as const,
  );
  return Buffer.from(base64, "base64");
}
