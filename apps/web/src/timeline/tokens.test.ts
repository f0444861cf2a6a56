import { describe, expect, test } from "bun:test";
import { blocksOf, findMentions } from "./tokens.ts";

const names = ["Anna", "Anna Maria", "Jo", "all"].map((name) => ({ name, me: name === "Jo" }));
const found = (text: string) => findMentions(text, names).map(({ at, end }) => text.slice(at, end));

describe("mentions in a text", () => {
  test("are the longest name that stands behind an @, in whatever case", () => {
    expect(found("@Anna Maria and @anna, @ALL!")).toEqual(["@Anna Maria", "@anna", "@ALL"]);
  });

  test("are no part of a longer word, nor of an e-mail address", () => {
    expect(found("@Jonas @Jo_x me@Jo.example @@Jo")).toEqual(["@Jo"]);
  });

  test("are none of somebody who is not named, nor of an empty name", () => {
    expect(findMentions("@Bert @", [{ name: "" }, { name: "Cleo" }])).toEqual([]);
  });

  test("stand between the words, and never inside code or an address", () => {
    expect(blocksOf("Hi @Jo, `@Jo` https://x.org/@Jo", names)).toEqual([
      {
        kind: "text",
        pieces: [
          { kind: "text", text: "Hi " },
          { kind: "mention", text: "@Jo", me: true },
          { kind: "text", text: ", " },
          { kind: "code", text: "@Jo" },
          { kind: "text", text: " " },
          { kind: "link", text: "https://x.org/@Jo", href: "https://x.org/@Jo" },
        ],
      },
    ]);
  });
});
