// What a message says: a CBOR array [kind, …] inside the signed payload.
import { ArrayReader, branded, type CborValue, limits, MessageId } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { type Bytes, hashBytes } from "./primitives.ts";

/** Names another message, and exactly the envelope that was seen. */
export interface MessageTarget {
  readonly messageId: MessageId;
  readonly envelopeHash: Bytes;
}

export type Content =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "delete"; readonly targets: readonly MessageTarget[] }
  /** A kind that only newer software knows; `value` is the whole array, as it came. */
  | { readonly kind: "unknown"; readonly name: string; readonly value: CborValue };

/** A byte order mark in front says nothing, and a decoder of UTF-8 takes it off: the bytes would not be the same again. */
const byteOrderMarks = /^\ufeff+/;

/** Throws malformed-content: text that is empty, only space, too long or not well-formed UTF-16; too many targets. */
export function encodeContent(content: Content): CborValue {
  switch (content.kind) {
    case "text":
      checkText(content.text);
      if (content.text.trim() === "") throw new CryptoError("malformed-content", "The text is empty.");
      return ["text", content.text.replace(byteOrderMarks, "")];
    case "delete":
      checkTargetCount(content.targets.length);
      return ["delete", content.targets.map(({ messageId, envelopeHash }) => [messageId, envelopeHash])];
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
        reader.end();
        checkText(text);
        return { kind, text };
      }
      case "delete": {
        const targets = reader.list("a target", (item) => ({
          messageId: branded(MessageId, item.text()),
          envelopeHash: item.bytes(hashBytes),
        }));
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

function checkText(text: string): void {
  if (text.length > limits.messageTextChars) throw new CryptoError("malformed-content", "The text is too long.");
  if (!text.isWellFormed()) throw new CryptoError("malformed-content", "The text has half a character in it.");
}

function checkTargetCount(count: number): void {
  if (count < 1 || count > limits.deleteBatch) throw new CryptoError("malformed-content", "Too many messages at once, or none.");
}
