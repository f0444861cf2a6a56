export { ensureChromium } from "./setup/chromium.mjs";
export { ensureInstalled } from "./setup/install.mjs";
export { ensureWebBuilt } from "./setup/web-build.mjs";
