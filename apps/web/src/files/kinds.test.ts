import { describe, expect, test } from "bun:test";
import { isPicture, kindOf, playedAs } from "./kinds.ts";

const file = (name: string, type = "") => ({ name, type });

describe("the kind of a file", () => {
  test("is told by the end of its name, then by its type", () => {
    expect(kindOf(file("report.PDF"))).toBe("document");
    expect(kindOf(file("backup.tar.gz"))).toBe("archive");
    expect(kindOf(file("main.rs", "text/plain"))).toBe("code");
    expect(kindOf(file("no ending", "audio/mpeg"))).toBe("audio");
    expect(kindOf(file(".profile"))).toBe("other");
  });

  test("makes a picture only of types that pages may draw", () => {
    expect(isPicture(file("a.png", "image/png"))).toBe(true);
    for (const type of ["image/svg+xml", "text/html", "image/heic", ""]) expect(isPicture(file("a.png", type))).toBe(false);
  });

  test("plays what is on the list, as what is on the list", () => {
    expect(playedAs(file("clip.mp4", "video/mp4"))).toBe("video/mp4");
    expect(playedAs(file("song.mp3"))).toBe("audio/mpeg");
    expect(playedAs(file("page.html", "text/html"))).toBeNull();
    expect(playedAs(file("no ending", "video/quicktime"))).toBeNull();
  });
});
