import { describe, expect, test } from "bun:test";
import { fileNameChars } from "../limits.ts";
import { fitting, parted, plainName, withEnding } from "./names.ts";

describe("the name of a file", () => {
  test("is shown without what makes it look like another one", () => {
    expect(plainName("invoice\u202Efdp.exe")).toBe("invoicefdp.exe");
    expect(plainName("../../etc/passwd")).toBe(".._.._etc_passwd");
    expect(plainName(" \n ")).toBe("file");
  });

  test("gives way in its middle and keeps its ending", () => {
    expect(parted("short.txt")).toEqual({ head: "short.txt", tail: "" });
    const { head, tail } = parted(`${"long ".repeat(20)}name.final.pdf`);
    expect(tail).toBe("final.pdf");
    expect(head).toEndWith("name.");
  });

  test("fits a message, whole letters only", () => {
    const long = fitting(`${"😀".repeat(300)}.jpeg`);
    expect(long.length).toBeLessThanOrEqual(fileNameChars);
    expect(long).toEndWith(".jpeg");
    expect(long.isWellFormed()).toBe(true);
    expect(fitting("plain.txt")).toBe("plain.txt");
  });

  test("follows the type of what is sent", () => {
    expect(withEnding("IMG_1.HEIC", "jpg")).toBe("IMG_1.jpg");
    expect(withEnding("photo", "jpg")).toBe("photo.jpg");
  });
});
