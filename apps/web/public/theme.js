// Runs before the first paint, so that a chosen theme never flashes. Shared with src/state/theme.svelte.ts.
(() => {
  let theme = "system";
  try {
    theme = localStorage.getItem("cychat-theme") ?? "system";
  } catch {
    // Storage may be off; the system's theme is a fine answer.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  if (dark) document.querySelector('meta[name="theme-color"]')?.setAttribute("content", "#12191d");
})();
