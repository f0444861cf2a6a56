/**
 * Keeps the shell as high as what is visible above an on-screen keyboard, where the browser lays the keyboard over the
 * page instead of resizing it (Safari).
 */
export function followViewport(): () => void {
  const viewport = window.visualViewport;
  if (!viewport) return () => {};
  const { style } = document.documentElement;
  const update = () => {
    const covered = window.innerHeight - viewport.height;
    // While zoomed in the visual viewport is small for another reason.
    if (viewport.scale > 1.01 || covered < 80) style.removeProperty("--viewport-height");
    else {
      style.setProperty("--viewport-height", `${viewport.height}px`);
      window.scrollTo(0, 0);
    }
  };
  viewport.addEventListener("resize", update);
  return () => {
    viewport.removeEventListener("resize", update);
    style.removeProperty("--viewport-height");
  };
}
