// Pictures and tones, encoded by the browser itself (WebCodecs): real media without another program.
import type { Page } from "playwright-core";

export interface Frame {
  readonly startUs: number;
  readonly durationUs: number;
  readonly isKey: boolean;
  readonly bytes: Buffer;
}

export interface Track {
  readonly frames: readonly Frame[];
  /** What a decoder needs to know first. */
  readonly description: Buffer;
  readonly video: { readonly width: number; readonly height: number } | null;
  readonly sampleRate: number;
  readonly channels: number;
}

interface Plain {
  readonly frames: readonly (readonly [startUs: number, durationUs: number, isKey: boolean, base64: string])[];
  readonly description: string;
}

const taken = ({ frames, description }: Plain) => ({
  description: Buffer.from(description, "base64"),
  frames: frames.map(([startUs, durationUs, isKey, base64]) => ({
    startUs,
    durationUs,
    isKey,
    bytes: Buffer.from(base64, "base64"),
  })),
});

export interface Film {
  readonly seconds: number;
  readonly width: number;
  readonly height: number;
  readonly perSecond: number;
  readonly bitsPerSecond: number;
}

/** A ball over a field of noise, which costs bytes, with the second written into it. The same for the same numbers. */
export async function encodeFilm(page: Page, film: Film): Promise<Track> {
  const plain = await page.evaluate(async ({ seconds, width, height, perSecond, bitsPerSecond }) => {
    const frames: [number, number, boolean, string][] = [];
    const failed = Promise.withResolvers<never>();
    const durationUs = Math.round(1_000_000 / perSecond);
    const encoder = new VideoEncoder({
      output(chunk) {
        const bytes = new Uint8Array(chunk.byteLength);
        chunk.copyTo(bytes);
        frames.push([chunk.timestamp, durationUs, chunk.type === "key", bytes.toBase64()]);
      },
      error: failed.reject,
    });
    encoder.configure({
      codec: "vp09.00.10.08",
      width,
      height,
      framerate: perSecond,
      bitrate: bitsPerSecond,
      bitrateMode: "constant",
    });
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    const noise = context.createImageData(width, height);
    let state = 1;
    for (let index = 0; index < seconds * perSecond; index++) {
      for (let at = 0; at < noise.data.length; at += 4) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        noise.data.set([state >>> 24, (state >>> 16) & 255, (state >>> 8) & 255, 255], at);
      }
      context.putImageData(noise, 0, 0);
      context.fillStyle = "#f6b26b";
      context.beginPath();
      context.arc(((index * 7) % width) + 1, height / 2, height / 6, 0, 7);
      context.fill();
      context.fillStyle = "#22284d";
      context.font = `${height / 5}px sans-serif`;
      context.fillText(String(Math.floor(index / perSecond)), 8, height / 4);
      const frame = new VideoFrame(canvas, { timestamp: index * durationUs, duration: durationUs });
      encoder.encode(frame, { keyFrame: index % perSecond === 0 });
      frame.close();
      while (encoder.encodeQueueSize > 4)
        await Promise.race([
          new Promise((resolve) => encoder.addEventListener("dequeue", resolve, { once: true })),
          failed.promise,
        ]);
    }
    await Promise.race([encoder.flush(), failed.promise]);
    encoder.close();
    return { frames, description: "" };
  }, film);
  return { ...taken(plain), video: { width: film.width, height: film.height }, sampleRate: 0, channels: 0 };
}

/** A tone that rises and falls. */
export async function encodeTone(page: Page, tone: { seconds: number; bitsPerSecond: number }): Promise<Track> {
  const [sampleRate, channels] = [48_000, 1];
  const plain = await page.evaluate(
    async ({ seconds, bitsPerSecond, sampleRate, channels }) => {
      const frames: [number, number, boolean, string][] = [];
      let description = "";
      const failed = Promise.withResolvers<never>();
      const encoder = new AudioEncoder({
        output(chunk, meta) {
          const bytes = new Uint8Array(chunk.byteLength);
          chunk.copyTo(bytes);
          frames.push([chunk.timestamp, chunk.duration ?? 20_000, true, bytes.toBase64()]);
          const described = meta?.decoderConfig?.description;
          if (described) description = new Uint8Array(described as ArrayBuffer).toBase64();
        },
        error: failed.reject,
      });
      encoder.configure({
        codec: "opus",
        sampleRate,
        numberOfChannels: channels,
        bitrate: bitsPerSecond,
        bitrateMode: "constant",
      });
      for (let second = 0; second < seconds; second++) {
        const samples = Float32Array.from({ length: sampleRate }, (_, at) => {
          const time = second + at / sampleRate;
          return 0.3 * Math.sin(2 * Math.PI * 330 * time + 40 * Math.sin(time)) * (0.6 + 0.4 * Math.sin(3 * time));
        });
        const data = new AudioData({
          format: "f32",
          sampleRate,
          numberOfFrames: sampleRate,
          numberOfChannels: channels,
          timestamp: second * 1_000_000,
          data: samples,
        });
        encoder.encode(data);
        data.close();
      }
      await Promise.race([encoder.flush(), failed.promise]);
      encoder.close();
      return { frames, description };
    },
    { ...tone, sampleRate, channels },
  );
  return { ...taken(plain), video: null, sampleRate, channels };
}
