import { expect, test } from "bun:test";
import { evaluate } from "./conditions.ts";

const etag = '"abc"';

test("[P10.6] conditions are read as RFC 9110 has them", () => {
  const cases: [Record<string, string>, ReturnType<typeof evaluate>][] = [
    [{}, "range"],
    [{ "if-none-match": '"abc"' }, "unchanged"],
    [{ "if-none-match": 'W/"abc"' }, "unchanged"],
    [{ "if-none-match": '"x", "abc"' }, "unchanged"],
    [{ "if-none-match": "*" }, "unchanged"],
    [{ "if-none-match": '"x", "a,b"' }, "range"],
    [{ "if-none-match": "abc" }, "range"],
    [{ "if-range": '"abc"' }, "range"],
    [{ "if-range": 'W/"abc"' }, "whole"],
    [{ "if-range": '"x"' }, "whole"],
    [{ "if-range": "Fri, 27 Nov 2026 07:00:00 GMT" }, "whole"],
    [{ "if-match": '"abc"' }, "range"],
    [{ "if-match": "*" }, "range"],
    [{ "if-match": 'W/"abc"' }, "failed"],
    [{ "if-match": '"x"' }, "failed"],
    [{ "if-match": '"x"', "if-none-match": '"abc"' }, "failed"],
    [{ "if-match": '"abc"', "if-none-match": '"abc"', "if-range": '"x"' }, "unchanged"],
    [{ "if-none-match": '"x"', "if-range": '"x"' }, "whole"],
  ];
  for (const [headers, outcome] of cases) expect([headers, evaluate(new Headers(headers), etag)]).toEqual([headers, outcome]);
});
