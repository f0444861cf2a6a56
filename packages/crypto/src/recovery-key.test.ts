import { expect, test } from "bun:test";
import { labels } from "@cychat/protocol";
import fc from "fast-check";
import { checkVector } from "../testing/vectors.ts";
import { refusal } from "../testing/world.ts";
import { CryptoError } from "./errors.ts";
import { hkdf } from "./primitives.ts";
import {
  deriveRecoverySecrets,
  generateRecoveryKey,
  parseRecoveryKey,
  recoveryKeyToText,
  recoveryKeyToWords,
} from "./recovery-key.ts";

const key = Uint8Array.from({ length: 32 }, (_, index) => index * 7);

test("BIP-39's own vectors for 256 bits", async () => {
  expect(await recoveryKeyToWords(new Uint8Array(32))).toBe(`${"abandon ".repeat(23)}art`);
  expect(await recoveryKeyToWords(new Uint8Array(32).fill(0xff))).toBe(`${"zoo ".repeat(23)}vote`);
});

test("vectors/recovery-key.json", async () => {
  await checkVector("recovery-key", {
    key: key.toHex(),
    words: await recoveryKeyToWords(key),
    text: await recoveryKeyToText(key),
    authSecret: (await deriveRecoverySecrets(key)).authSecret,
    kek: (await hkdf(key, [labels.recoveryKek])).toHex(),
  });
});

test("both forms read back, in any case and spacing, and look-alikes are forgiven", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (bytes) => {
      const text = await recoveryKeyToText(bytes);
      expect(text).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){13}[0-9A-HJKMNP-TV-Z]{4}$/);
      const words = await recoveryKeyToWords(bytes);
      const sloppy = text.toLowerCase().replaceAll("0", "o").replaceAll("1", "l");
      for (const form of [
        text,
        text.replaceAll("-", " "),
        text.replaceAll("-", ""),
        sloppy,
        sloppy.replaceAll("l", "i"),
        words,
        ` ${words.toUpperCase()}\n`,
      ]) {
        expect(await parseRecoveryKey(form)).toEqual(new Uint8Array(bytes));
      }
    }),
    { seed: 3, numRuns: 60 },
  );
});

test("says what is wrong", async () => {
  const words = (await recoveryKeyToWords(key)).split(" ");
  const text = await recoveryKeyToText(key);
  const said = async (input: string) => {
    try {
      await parseRecoveryKey(input);
    } catch (error) {
      if (error instanceof CryptoError) return [error.code, error.position];
    }
    throw new Error("it was not refused");
  };
  expect(await said(words.with(6, "qwertz").join(" "))).toEqual(["recovery-unknown-word", 7]);
  expect(await said(words.slice(0, 23).join(" "))).toEqual(["recovery-wrong-length", undefined]);
  expect(await said([...words, "zoo"].join(" "))).toEqual(["recovery-wrong-length", undefined]);
  expect(await said(words.with(0, words[0] === "zoo" ? "art" : "zoo").join(" "))).toEqual(["recovery-checksum", undefined]);
  expect(await said(text.replace(/.$/, (last) => (last === "A" ? "B" : "A")))).toEqual(["recovery-checksum", undefined]);
  expect(await said(text.slice(0, -1))).toEqual(["recovery-wrong-length", undefined]);
  expect(await said(`${text}7`)).toEqual(["recovery-wrong-length", undefined]);
  expect(await said(`${text.slice(0, 5)}U${text.slice(6)}`)).toEqual(["recovery-wrong-character", 2]);
  expect(await said("")).toEqual(["recovery-wrong-length", undefined]);
  expect(await said("💥")).toEqual(["recovery-wrong-character", 1]);
});

test("any single wrong symbol is noticed", async () => {
  const text = (await recoveryKeyToText(key)).replaceAll("-", "");
  for (let at = 0; at < text.length; at++) {
    const wrong = text[at] === "7" ? "8" : "7";
    expect(await refusal(parseRecoveryKey(text.slice(0, at) + wrong + text.slice(at + 1)))).toBe("recovery-checksum");
  }
});

test("keys are random, and the KEK cannot be read out", async () => {
  expect(generateRecoveryKey()).not.toEqual(generateRecoveryKey());
  const { authSecret, kek } = await deriveRecoverySecrets(key);
  expect(authSecret).toMatch(/^cychat-auth-v1\.recovery\.[A-Za-z0-9_-]{43}$/);
  expect(kek.extractable).toBe(false);
  expect(key[1]).toBe(7);
});

test("groups may be spaced in any way, even symbol by symbol", async () => {
  const text = (await recoveryKeyToText(key)).replaceAll("-", "");
  for (const size of [1, 2, 5, 8]) {
    const spaced = text.match(new RegExp(`.{1,${size}}`, "g"))?.join(" ") ?? "";
    expect(await parseRecoveryKey(spaced)).toEqual(key);
  }
});

test("a text as long as a book is refused at once", async () => {
  const startedMs = performance.now();
  expect(await refusal(parseRecoveryKey("7".repeat(400_000)))).toBe("recovery-wrong-length");
  expect(performance.now() - startedMs).toBeLessThan(1000);
});
