// Writes a WebM with one track of Opus, and where each second begins, so that one can seek in it.
import type { Track } from "./encode.ts";

const uint = (value: number) => {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  const first = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(first < 0 ? 5 : first);
};
const float = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
};

/** An EBML element; its length always takes 8 bytes. */
function element(id: number, ...content: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(content.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(body.length) | (1n << 56n));
  return Buffer.concat([uint(id), length, body]);
}

const clusterMs = 1000;

export function writeWebm({ frames, description, sampleRate, channels }: Track): Buffer {
  const durationMs = frames.reduce((sum, { durationUs }) => sum + durationUs, 0) / 1000;
  const info = element(
    0x1549a966,
    element(0x2ad7b1, uint(1_000_000)),
    element(0x4489, float(durationMs)),
    element(0x4d80, "tests"),
    element(0x5741, "tests"),
  );
  const audio = element(0xe1, element(0xb5, float(sampleRate)), element(0x9f, uint(channels)));
  const track = element(
    0xae,
    element(0xd7, uint(1)),
    element(0x73c5, uint(1)),
    element(0x83, uint(2)),
    element(0x86, "A_OPUS"),
    element(0x63a2, description),
    audio,
  );
  const before = [info, element(0x1654ae6b, track)];
  const clusters: Buffer[] = [];
  const cues: Buffer[] = [];
  let offset = before.reduce((sum, { length }) => sum + length, 0);
  for (let at = 0; at < durationMs; at += clusterMs) {
    const those = frames.filter(({ startUs }) => startUs / 1000 >= at && startUs / 1000 < at + clusterMs);
    const blocks = those.map(({ startUs, bytes }) => {
      const head = Buffer.from([0x81, 0, 0, 0x80]);
      head.writeInt16BE(Math.round(startUs / 1000) - at, 1);
      return element(0xa3, head, bytes);
    });
    const cluster = element(0x1f43b675, element(0xe7, uint(at)), ...blocks);
    cues.push(element(0xbb, element(0xb3, uint(at)), element(0xb7, element(0xf7, uint(1)), element(0xf1, uint(offset)))));
    clusters.push(cluster);
    offset += cluster.length;
  }
  const header = element(
    0x1a45dfa3,
    element(0x4286, uint(1)),
    element(0x42f7, uint(1)),
    element(0x42f2, uint(4)),
    element(0x42f3, uint(8)),
    element(0x4282, "webm"),
    element(0x4287, uint(4)),
    element(0x4285, uint(2)),
  );
  return Buffer.concat([header, element(0x18538067, ...before, ...clusters, element(0x1c53bb6b, ...cues))]);
}
