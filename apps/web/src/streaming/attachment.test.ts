import { expect, test } from "bun:test";
import { attachment } from "./attachment.ts";

test("a name goes into the header in both forms, and out of it nowhere", () => {
  expect(attachment("holiday (1).zip")).toBe(`attachment; filename="holiday (1).zip"; filename*=UTF-8''holiday%20%281%29.zip`);
  expect(attachment("Zürich – 旅.mp4")).toBe(
    `attachment; filename="Zurich _ _.mp4"; filename*=UTF-8''Z%C3%BCrich%20%E2%80%93%20%E6%97%85.mp4`,
  );
  for (const name of ['a"; filename="b.exe', "a\r\nSet-Cookie: b=c", "\\..\\c", "100%.txt", "it's *all*", "\ud800broken", ""]) {
    const value = attachment(name);
    expect(value).toMatch(/^attachment; filename="[ \w.,()+=@~-]*"; filename\*=UTF-8''(?:[\w.!$&+^`|~-]|%[\dA-F]{2})*$/);
    expect(decodeURIComponent(value.split("''")[1] ?? "")).toBe(name.toWellFormed());
    expect(new Headers({ "content-disposition": value }).get("content-disposition")).toBe(value);
  }
});
