// What a message says: a CBOR array [kind, …] inside the signed payload.
import { AccountId, ArrayReader, branded, type CborValue, limits, MessageId } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { type Bytes, hashBytes } from "./primitives.ts";

/** Names another message, and exactly the envelope that was seen. */
export interface MessageTarget {
  readonly messageId: MessageId;
  readonly envelopeHash: Bytes;
}

/** Whom a text names; `all` counts for admins and owners only. */
export type Mention = AccountId | "all";

export type Content =
  | { readonly kind: "text"; readonly text: string; readonly mentions: readonly Mention[] }
  /** Replaces the text of an earlier message of the same account. */
  | { readonly kind: "edit"; readonly target: MessageTarget; readonly text: string; readonly mentions: readonly Mention[] }
  | { readonly kind: "delete"; readonly targets: readonly MessageTarget[] }
  /** A kind that only newer software knows; `value` is the whole array, as it came. */
  | { readonly kind: "unknown"; readonly name: string; readonly value: CborValue };

/** A byte order mark in front says nothing, and a decoder of UTF-8 takes it off: the bytes would not be the same again. */
const byteOrderMarks = /^\ufeff+/;

const maxMentions = 50;

/** Throws malformed-content: text that is empty, only space, too long or not well-formed UTF-16; too many targets or mentions. */
export function encodeContent(content: Content): CborValue {
  switch (content.kind) {
    case "text": {
      const text = textToSend(content.text);
      checkMentions(content.mentions);
      return content.mentions.length === 0 ? ["text", text] : ["text", text, content.mentions];
    }
    case "edit":
      checkMentions(content.mentions);
      return ["edit", targetFields(content.target), textToSend(content.text), content.mentions];
    case "delete":
      checkTargetCount(content.targets.length);
      return ["delete", content.targets.map(targetFields)];
    case "unknown":
      throw new CryptoError("malformed-content", "Content of an unknown kind cannot be sent.");
  }
}

/** Throws malformed-content. */
export function decodeContent(value: CborValue): Content {
  try {
    const reader = new ArrayReader(value, "a content");
    const kind = reader.text();
    switch (kind) {
      case "text": {
        const text = reader.text();
        const isShort = Array.isArray(value) && value.length === 2;
        const mentions = isShort ? [] : readMentions(reader);
        if (!isShort && mentions.length === 0) reader.fail("names nobody");
        reader.end();
        checkText(text);
        return { kind, text, mentions };
      }
      case "edit": {
        const target = readTarget(reader.array("a target"));
        const text = reader.text();
        const mentions = readMentions(reader);
        reader.end();
        checkText(text);
        return { kind, target, text, mentions };
      }
      case "delete": {
        const targets = reader.list("a target", readTarget);
        reader.end();
        checkTargetCount(targets.length);
        return { kind, targets };
      }
      default:
        return { kind: "unknown", name: kind, value };
    }
  } catch {
    throw new CryptoError("malformed-content");
  }
}

function textToSend(text: string): string {
  checkText(text);
  if (text.trim() === "") throw new CryptoError("malformed-content", "The text is empty.");
  return text.replace(byteOrderMarks, "");
}

function targetFields({ messageId, envelopeHash }: MessageTarget): CborValue {
  return [messageId, envelopeHash];
}

function readTarget(reader: ArrayReader): MessageTarget {
  const target = { messageId: branded(MessageId, reader.text()), envelopeHash: reader.bytes(hashBytes) };
  reader.end();
  return target;
}

function readMentions(reader: ArrayReader): Mention[] {
  const value = reader.value();
  if (!Array.isArray(value)) return reader.fail("wants mentions here");
  const mentions = value.map((name): Mention => (name === "all" ? name : branded(AccountId, name)));
  checkMentions(mentions);
  return mentions;
}

function checkMentions(mentions: readonly Mention[]): void {
  if (mentions.length > maxMentions) throw new CryptoError("malformed-content", "The text names too many people.");
  if (new Set(mentions).size !== mentions.length) throw new CryptoError("malformed-content", "The text names somebody twice.");
}

function checkText(text: string): void {
  if (text.length > limits.messageTextChars) throw new CryptoError("malformed-content", "The text is too long.");
  if (!text.isWellFormed()) throw new CryptoError("malformed-content", "The text has half a character in it.");
}

function checkTargetCount(count: number): void {
  if (count < 1 || count > limits.deleteBatch) throw new CryptoError("malformed-content", "Too many messages at once, or none.");
}
