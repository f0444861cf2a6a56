// Field schemas that several requests share.
import * as v from "valibot";
import { limits } from "../limits.ts";

const base64urlText = /^[A-Za-z0-9_-]*$/;

/** Bytes as base64url text, at most `maxBytes` once decoded. */
export const bytesText = (maxBytes: number) =>
  v.pipe(v.string(), v.maxLength(Math.ceil((maxBytes * 4) / 3)), v.regex(base64urlText, "not base64url"));

/** The form of an address that accounts are compared by: trimmed, lower case, NFC. Idempotent: lower case may decompose. */
export function normalEmail(email: string): string {
  return email.trim().normalize("NFC").toLowerCase().normalize("NFC");
}

export const Email = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(limits.emailChars),
  v.regex(/^[^\s@<>"]+@[^\s@<>"]+$/, "not an e-mail address"),
  v.transform(normalEmail),
);

const visible = /\P{C}/u;
const control = /^[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]*$/u;

/** One line of visible text: trimmed, NFC, without control or direction-override characters. */
export const lineOfText = (maxChars: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.trim().normalize("NFC")),
    v.minLength(1),
    v.maxLength(maxChars),
    v.regex(control, "has control characters"),
    v.regex(visible, "has nothing visible"),
  );

export const Nickname = lineOfText(limits.nicknameChars);
export const PhoneNumber = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(limits.phoneChars),
  v.regex(/^\+?[0-9 ()./-]{3,}$/, "not a phone number"),
);

/** A raw password (scripts) or an authentication secret (our clients; see `authSecret`). */
export const Password = v.pipe(v.string(), v.minLength(8), v.maxLength(limits.passwordChars));

export const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const PositiveCount = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
export const TimeMs = Count;

/** A whole number in a query string. */
export const QueryCount = v.pipe(v.string(), v.regex(/^\d{1,16}$/, "not a whole number"), v.transform(Number), v.safeInteger());
