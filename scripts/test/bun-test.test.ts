import { expect, test } from "bun:test";
import { countReport } from "./bun-test.mjs";

const report = `<testsuites name="bun test" tests="4" failures="1" skipped="1">
  <testsuite name="a/one.test.ts" file="a/one.test.ts" tests="4">
    <testcase name="passes" file="a/one.test.ts" />
    <testcase name="&lt;failure" file="a/one.test.ts" />
    <testcase name="skipped" file="a/one.test.ts"><skipped /></testcase>
    <testsuite name="inner" file="a/one.test.ts"><testcase name="fails &quot;here&quot;" file="a/one.test.ts"><failure type="Error" message="no">no</failure></testcase></testsuite>
  </testsuite>
</testsuites>`;

test("passed, failed and skipped tests are counted, nested ones too, and failed ones named", () => {
  expect(countReport(report, ["a/one.test.ts"])).toEqual({
    passed: 2,
    failed: 1,
    skipped: 1,
    failures: ['a/one.test.ts: fails "here"'],
    missing: [],
  });
});

test("a file that is not in the report is missing", () => {
  expect(countReport(report, ["a/one.test.ts", "a/two.test.ts"]).missing).toEqual(["a/two.test.ts"]);
});

test("without a report every file is missing", () => {
  expect(countReport("", ["a.test.ts"])).toEqual({ passed: 0, failed: 0, skipped: 0, failures: [], missing: ["a.test.ts"] });
});
