// npm test [-- path …]: sets up what is missing, runs every test and closes with one line that counts them all.
import { findBun } from "./bun.mjs";
import { main, PlainError } from "./process.mjs";
import { ensureChromium, ensureInstalled, ensureWebBuilt } from "./setup.mjs";
import { runGroup } from "./test/bun-test.mjs";
import { findGroups } from "./test/groups.mjs";
import { runChecks } from "./verify/checks.mjs";

const inCi = Boolean(process.env.CI) && process.env.CI !== "false";
const total = { passed: 0, failed: 0, skipped: 0, failures: [] };

await main(async (paths) => {
  try {
    await runAll(paths);
  } catch (error) {
    console.error(error instanceof PlainError ? error.message : error);
    total.failed += 1;
  }
  // Last, so that whoever sees only the end of a long log knows.
  for (const failure of total.failures) console.log(`failed: ${failure}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
});

async function runAll(paths) {
  await ensureInstalled();
  const bun = findBun();
  const groups = findGroups(paths);
  if (groups.length === 0) throw new PlainError(`No tests found${paths.length > 0 ? ` in ${paths.join(", ")}` : ""}.`);
  if (inCi && paths.length === 0) add(await runChecks(bun));

  const webBuilt = !groups.some((group) => group.needsWeb) || (await builds());
  const chromium = groups.some((group) => group.needsBrowser) ? await ensureChromium() : undefined;
  for (const group of groups) {
    console.log(`\n${group.name}: ${group.files.length} file${group.files.length === 1 ? "" : "s"}`);
    if (group.needsBrowser && !chromium) add(withoutBrowser(group));
    else if (group.needsBrowser && !webBuilt) add({ failed: group.files.length });
    else add(await runGroup(bun, group, chromium ? { CHROMIUM_PATH: chromium } : {}));
  }
}

// The tests that need no browser still say something when the web app does not build.
async function builds() {
  try {
    await ensureWebBuilt();
    return true;
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    console.error(error.message);
    add({ failed: 1 });
    return false;
  }
}

function withoutBrowser(group) {
  if (inCi) {
    console.error("The browser tests need Chromium, and none could be found or installed.");
    return { failed: group.files.length };
  }
  console.log("Skipped: no Chromium. Install one, or name it in CHROMIUM_PATH.");
  return { skipped: group.files.length };
}

function add({ passed = 0, failed = 0, skipped = 0, failures = [] }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  total.failures.push(...failures);
}
