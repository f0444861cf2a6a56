import { expect, test } from "bun:test";
import { type BlobId, encodeCbor, encodeEnvelope, encodeHeader, labels, limits, newMessageId } from "@cychat/protocol";
import { refusal, World } from "../testing/world.ts";
import { type Content, decodeContent, encodeContent, type FileReference } from "./content.ts";
import { openMessage, sealMessage } from "./envelope.ts";
import { generateFileSecret } from "./file-shape.ts";
import { sign } from "./identity.ts";
import { pad } from "./padding.ts";
import { aesSeal, hkdfAesKey, randomBytes, sha256, zeroHash } from "./primitives.ts";

const world = await World.create();
const { alice } = world;
const context = { chain: world.chain, epochKey: world.genesis.epochKey, author: alice.state };
const blobId = (n: number) => `${String(n).padStart(42, "b")}A` as BlobId;

function file(changes: Partial<FileReference> = {}): FileReference {
  const facts = { blob: blobId(1), size: 12, hash: randomBytes(32), name: "Übersicht.pdf", type: "application/pdf" };
  return { ...generateFileSecret(), ...facts, dimensions: null, thumbnail: null, durationMs: null, waveform: null, ...changes };
}
const files = (...some: readonly FileReference[]): Content => ({ kind: "files", caption: "", mentions: [], files: some });

test("[P10.2] files with a caption come as they were sent, and the header names their blobs", async () => {
  const picture = file({ blob: blobId(2), dimensions: [640, 480], thumbnail: randomBytes(100), type: "image/png" });
  const voice = file({ blob: blobId(3), type: "audio/webm", durationMs: 4_200, waveform: Uint8Array.of(0, 128, 255) });
  const content: Content = { kind: "files", caption: "All of them 👋", mentions: ["all"], files: [file(), picture, voice] };
  expect(decodeContent(encodeContent(content))).toEqual(content);
  const { bytes } = await sealMessage({ ...world.message(alice, ""), content });
  const opened = await openMessage(bytes, context);
  expect(opened.content).toEqual(content);
  expect(opened.header.blobs).toEqual([blobId(1), blobId(2), blobId(3)]);
});

test("[P10.2] what no file can be is neither sent nor read", async () => {
  const tooMany = Array.from({ length: limits.filesPerMessage + 1 }, (_, n) => file({ blob: blobId(n) }));
  const wrong: readonly Content[] = [
    files(),
    files(...tooMany),
    files(file(), file()),
    files(file({ name: "n".repeat(limits.fileNameChars + 1) })),
    files(file({ name: "\ud800" })),
    files(file({ type: "t".repeat(limits.fileTypeChars + 1) })),
    files(file({ size: 2 ** 50 })),
    files(file({ thumbnail: randomBytes(limits.thumbnailBytes + 1) })),
    files(file({ dimensions: [0, 1] })),
    files(file({ durationMs: 2 ** 40 })),
    files(file({ waveform: new Uint8Array(0) })),
    files(file({ waveform: new Uint8Array(limits.waveformBars + 1) })),
    { kind: "files", caption: "c".repeat(limits.messageTextChars + 1), mentions: [], files: [file()] },
  ];
  for (const content of wrong) expect(await refusal(() => encodeContent(content))).toBe("malformed-content");
  const fields = encodeContent(files(file())) as [string, string, [], [unknown[]]];
  for (const at of fields[3][0].keys()) {
    const changed = structuredClone(fields);
    changed[3][0][at] = true;
    expect(await refusal(() => decodeContent(changed as never))).toBe("malformed-content");
  }
});

test("a message that is too large with its pictures is not sent", async () => {
  const heavy = Array.from({ length: 9 }, (_, n) => file({ blob: blobId(n), thumbnail: randomBytes(limits.thumbnailBytes) }));
  expect(await refusal(sealMessage({ ...world.message(alice, ""), content: files(...heavy) }))).toBe("too-large");
});

test("[malicious member] [P10.2] a header that names other blobs than the content is refused", async () => {
  const { conversation, epoch } = world.chain;
  const ids = { conversation, epoch, messageId: newMessageId(), account: alice.account, device: alice.device.id };
  for (const blobs of [[], [blobId(2)], [blobId(1), blobId(2)]]) {
    const headerBytes = encodeHeader({ ...ids, blobs });
    const salt = new TextEncoder().encode(ids.messageId);
    const key = await hkdfAesKey(context.epochKey, [labels.messageKey, conversation, alice.device.id], salt);
    const content = encodeContent(files(file()));
    const payload = encodeCbor([await sha256(headerBytes), world.chain.hash, 1, 1, zeroHash(), content]);
    const { signature } = await sign(alice.device.privateKey, labels.message, payload);
    const sealed = await aesSeal(key, headerBytes, pad(encodeCbor([payload, signature])));
    expect(await refusal(openMessage(encodeEnvelope({ headerBytes, ...sealed }), context))).toBe("malformed-content");
  }
});
