// What a message says: a CBOR array [kind, …] inside the signed payload.
import { AccountId, ArrayReader, BlobId, branded, type CborValue, limits, MessageId } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { type FileSecret, filePrefixBytes } from "./file-shape.ts";
import { type Bytes, hashBytes, keyBytes } from "./primitives.ts";

/** Names another message, and exactly the envelope that was seen. */
export interface MessageTarget {
  readonly messageId: MessageId;
  readonly envelopeHash: Bytes;
}

/** Whom a text names; `all` counts for admins and owners only. */
export type Mention = AccountId | "all";

/** A file of a message: where its ciphertext is, what opens it, and what its sender says of it. */
export interface FileReference extends FileSecret {
  readonly blob: BlobId;
  /** Of the file, in bytes. */
  readonly size: number;
  /** SHA-256 of the blob. */
  readonly hash: Bytes;
  readonly name: string;
  /** A media type, or empty. */
  readonly type: string;
  /** Width and height in pixels. */
  readonly dimensions: readonly [number, number] | null;
  /** A small picture of it. */
  readonly thumbnail: Bytes | null;
  /** How long a recording plays, in milliseconds. */
  readonly durationMs: number | null;
  /** Of a voice message: how loud it is in each of as many equal parts of it, 0 to 255. */
  readonly waveform: Bytes | null;
}

export type Content =
  | { readonly kind: "text"; readonly text: string; readonly mentions: readonly Mention[] }
  /** `caption`: a text, or empty. */
  | {
      readonly kind: "files";
      readonly caption: string;
      readonly mentions: readonly Mention[];
      readonly files: readonly FileReference[];
    }
  /** Replaces the text of an earlier message of the same account. */
  | { readonly kind: "edit"; readonly target: MessageTarget; readonly text: string; readonly mentions: readonly Mention[] }
  | { readonly kind: "delete"; readonly targets: readonly MessageTarget[] }
  /** A kind that only newer software knows; `value` is the whole array, as it came. */
  | { readonly kind: "unknown"; readonly name: string; readonly value: CborValue };

/** A byte order mark in front says nothing, and a decoder of UTF-8 takes it off: the bytes would not be the same again. */
const byteOrderMarks = /^\ufeff+/;

const maxMentions = 50;

/** 2^32 chunks of 64 KiB, less the padding. */
const maxFileBytes = 2 ** 47;

const maxDurationMs = 366 * 24 * 3600 * 1000;

/** Throws malformed-content: text that is empty, only space, too long or not well-formed UTF-16; too many targets or mentions. */
export function encodeContent(content: Content): CborValue {
  switch (content.kind) {
    case "text": {
      const text = textToSend(content.text);
      checkMentions(content.mentions);
      return content.mentions.length === 0 ? ["text", text] : ["text", text, content.mentions];
    }
    case "files": {
      checkMentions(content.mentions);
      checkFiles(content.files);
      const caption = content.caption === "" ? "" : textToSend(content.caption);
      return ["files", caption, content.mentions, content.files.map(fileFields)];
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
      case "files": {
        const caption = reader.text();
        const mentions = readMentions(reader);
        const files = reader.list("a file", readFile);
        reader.end();
        checkText(caption);
        checkFiles(files);
        return { kind, caption, mentions, files };
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

function fileFields(file: FileReference): CborValue {
  const { blob, key, prefix, size, hash, name, type, dimensions, thumbnail, durationMs, waveform } = file;
  return [blob, key, prefix, size, hash, name, type, dimensions, thumbnail, durationMs, waveform];
}

function readFile(reader: ArrayReader): FileReference {
  const file = {
    blob: branded(BlobId, reader.text()),
    key: reader.bytes(keyBytes),
    prefix: reader.bytes(filePrefixBytes),
    size: reader.count(),
    hash: reader.bytes(hashBytes),
    name: reader.text(),
    type: reader.text(),
    dimensions: readDimensions(reader),
    thumbnail: reader.bytesOrNull(),
    durationMs: reader.countOrNull(),
    waveform: reader.bytesOrNull(),
  };
  reader.end();
  return file;
}

function readDimensions(reader: ArrayReader): [number, number] | null {
  const value = reader.value();
  if (value === null) return null;
  const sides = new ArrayReader(value, "a picture's size");
  const dimensions: [number, number] = [sides.count(), sides.count()];
  sides.end();
  return dimensions;
}

function checkFiles(files: readonly FileReference[]): void {
  const fail = (what: string): never => {
    throw new CryptoError("malformed-content", what);
  };
  if (files.length < 1 || files.length > limits.filesPerMessage) fail("Too many files, or none.");
  if (new Set(files.map(({ blob }) => blob)).size !== files.length) fail("A file is there twice.");
  for (const { name, type, size, dimensions, thumbnail, durationMs, waveform } of files) {
    if (name.length > limits.fileNameChars || !name.isWellFormed()) fail("A file's name is too long.");
    if (type.length > limits.fileTypeChars || !type.isWellFormed()) fail("A file's type is too long.");
    if (size > maxFileBytes) fail("A file is too large.");
    if ((thumbnail?.length ?? 0) > limits.thumbnailBytes) fail("A thumbnail is too large.");
    if (dimensions?.some((pixels) => pixels < 1 || pixels > 2 ** 20)) fail("A picture's size cannot be.");
    if ((durationMs ?? 0) > maxDurationMs) fail("Nothing plays as long as that.");
    if (waveform !== null && (waveform.length < 1 || waveform.length > limits.waveformBars))
      fail("A waveform is too long, or empty.");
  }
}

function checkText(text: string): void {
  if (text.length > limits.messageTextChars) throw new CryptoError("malformed-content", "The text is too long.");
  if (!text.isWellFormed()) throw new CryptoError("malformed-content", "The text has half a character in it.");
}

function checkTargetCount(count: number): void {
  if (count < 1 || count > limits.deleteBatch) throw new CryptoError("malformed-content", "Too many messages at once, or none.");
}
