// Writes an MP4 (ISO/IEC 14496-12): VP9 and Opus, its index at the end, as cameras leave it.
import type { Track } from "./encode.ts";

const text = (letters: string) => Buffer.from(letters, "latin1");
const u8 = (...values: number[]) => Buffer.from(values);
const u16 = (...values: number[]) => Buffer.concat(values.map((value) => u8((value >> 8) & 255, value & 255)));
function u32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) buffer.writeUInt32BE(value, index * 4);
  return buffer;
}
function box(type: string, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([u32(8 + body.length), text(type), body]);
}
const fullBox = (type: string, flags: number, ...content: Buffer[]) => box(type, u32(flags), ...content);
const matrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

/** Ticks of a millisecond for the film, of a microsecond for its tracks. */
const scale = 1_000_000;
/** Frames that lie together in the file, so that sound and picture of a moment are near each other. */
const chunkUs = 500_000;

export function writeMp4(tracks: readonly Track[]): Buffer {
  const head = box("ftyp", text("isom"), u32(0x200), text("isomiso2mp41"));
  const media: Buffer[] = [];
  const chunks = tracks.map(() => [] as { offset: number; frames: number }[]);
  let offset = head.length + 8;
  for (let at = 0; tracks.some(({ frames }) => frames.some(({ startUs }) => startUs >= at)); at += chunkUs)
    for (const [index, { frames }] of tracks.entries()) {
      const those = frames.filter(({ startUs }) => startUs >= at && startUs < at + chunkUs);
      if (those.length === 0) continue;
      chunks[index]?.push({ offset, frames: those.length });
      for (const { bytes } of those) {
        media.push(bytes);
        offset += bytes.length;
      }
    }
  const durationMs = Math.max(...tracks.map(durationUs)) / 1000;
  const mvhd = fullBox(
    "mvhd",
    0,
    u32(0, 0, 1000, durationMs, 0x10000),
    u16(0x100, 0),
    u32(0, 0),
    matrix,
    Buffer.alloc(24),
    u32(9),
  );
  const traks = tracks.map((track, index) => trak(track, index + 1, chunks[index] ?? []));
  return Buffer.concat([head, box("mdat", ...media), box("moov", mvhd, ...traks)]);
}

const durationUs = ({ frames }: Track) => frames.reduce((sum, frame) => sum + frame.durationUs, 0);

function trak(track: Track, id: number, chunks: readonly { offset: number; frames: number }[]): Buffer {
  const { frames, video } = track;
  const duration = durationUs(track);
  const [width, height] = [video?.width ?? 0, video?.height ?? 0];
  const tkhd = fullBox(
    "tkhd",
    3,
    u32(0, 0, id, 0, duration / 1000, 0, 0),
    u16(0, 0, video ? 0 : 0x100, 0),
    matrix,
    u32(width * 0x10000, height * 0x10000),
  );
  const keys = frames.flatMap(({ isKey }, index) => (isKey ? [index + 1] : []));
  const stbl = box(
    "stbl",
    fullBox("stsd", 0, u32(1), video ? vp9(width, height) : opus(track)),
    fullBox("stts", 0, u32(frames.length), ...frames.map((frame) => u32(1, frame.durationUs))),
    ...(video ? [fullBox("stss", 0, u32(keys.length, ...keys))] : []),
    fullBox("stsc", 0, u32(chunks.length), ...chunks.map((chunk, index) => u32(index + 1, chunk.frames, 1))),
    fullBox("stsz", 0, u32(0, frames.length, ...frames.map(({ bytes }) => bytes.length))),
    fullBox("stco", 0, u32(chunks.length, ...chunks.map((chunk) => chunk.offset))),
  );
  const dinf = box("dinf", fullBox("dref", 0, u32(1), fullBox("url ", 1)));
  const header = video ? fullBox("vmhd", 1, u16(0, 0, 0, 0)) : fullBox("smhd", 0, u16(0, 0));
  const handler = fullBox("hdlr", 0, u32(0), text(video ? "vide" : "soun"), u32(0, 0, 0), u8(0));
  const mdhd = fullBox("mdhd", 0, u32(0, 0, scale, duration), u16(0x55c4, 0));
  return box("trak", tkhd, box("mdia", mdhd, handler, box("minf", header, dinf, stbl)));
}

const vp9 = (width: number, height: number) =>
  box(
    "vp09",
    u16(0, 0, 0, 1),
    Buffer.alloc(16),
    u16(width, height),
    u32(0x480000, 0x480000, 0),
    u16(1),
    Buffer.alloc(32),
    u16(24, 0xffff),
    // Profile 0, level 3, 8 bit 4:2:0, colours as usual.
    fullBox("vpcC", 0x1000000, u8(0, 30, (8 << 4) | 2, 2, 2, 2), u16(0)),
  );

/** The head of an Ogg stream says the same in the other order of bytes. */
function opus({ description }: Track): Buffer {
  const channels = description[9] ?? 1;
  const dOps = box(
    "dOps",
    u8(0, channels),
    u16(description.readUInt16LE(10)),
    u32(description.readUInt32LE(12)),
    u16(description.readUInt16LE(16)),
    u8(0),
  );
  return box("Opus", u16(0, 0, 0, 1), u32(0, 0), u16(channels, 16, 0, 0), u32(48_000 * 0x10000), dOps);
}
