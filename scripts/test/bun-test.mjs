import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../process.mjs";

// Far beyond any real run: a test that blocks the event loop cannot be stopped by its own timeout.
const groupLimitMs = 30 * 60_000;

/** Runs a group of files in one `bun test` and counts what its JUnit report says. */
export async function runGroup(bun, { name, files, timeoutMs }, env) {
  const folder = mkdtempSync(join(tmpdir(), "cychat-test-"));
  const report = join(folder, "report.xml");
  const paths = files.map((file) => `./${file}`);
  const options = [`--timeout=${timeoutMs}`, "--reporter=junit", `--reporter-outfile=${report}`];
  try {
    const code = await run(bun, ["test", ...options, ...paths], {
      env,
      stdio: ["ignore", "inherit", "inherit"],
      timeoutMs: groupLimitMs,
    });
    const counts = countReport(existsSync(report) ? readFileSync(report, "utf8") : "", files);
    for (const file of counts.missing) console.error(`${file} is not in the report: it crashed or could not be loaded`);
    counts.failed += counts.missing.length;
    if (code !== 0 && counts.failed === 0) {
      console.error(`${name}: bun test ended with exit code ${code}`);
      counts.failed = 1;
    }
    return counts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A file that could not be loaded, or whose run crashed, is in no report: `missing`. */
export function countReport(xml, files) {
  const count = (pattern) => xml.match(pattern)?.length ?? 0;
  const failed = count(/<failure\b|<error\b/g);
  const skipped = count(/<skipped\b/g);
  const passed = count(/<testcase\b/g) - failed - skipped;
  const suites = [...xml.matchAll(/<testsuite [^>]*?\bfile="([^"]*)"/g)];
  const reported = new Set(suites.map((match) => match[1].replaceAll("\\", "/")));
  return { passed, failed, skipped, failures: failuresIn(xml), missing: files.filter((file) => !reported.has(file)) };
}

/** Where each failed test is and what it is called. */
function failuresIn(xml) {
  const text = (escaped) => escaped.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => entities[name]);
  return [...xml.matchAll(/<testcase ([^>]*[^/>])>\s*<(?:failure|error)\b/g)].map(([, attributes]) => {
    const value = (name) => text(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    return `${value("file").replaceAll("\\", "/")}: ${value("name")}`;
  });
}

const entities = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
