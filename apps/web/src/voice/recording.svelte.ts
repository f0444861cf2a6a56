// One voice message while it is recorded, and until it is sent or deleted. The microphone is let go of as soon as recording
// ends, however it ends; what was recorded stays.
import type { FileToSend } from "@cychat/sdk";
import { cleanMovie } from "../files/metadata/movie.ts";
import { waveformBars } from "../limits.ts";
import { voice as text } from "../strings/voice.ts";
import { Loudness } from "./loudness.ts";
import { closeMicrophone, openMicrophone } from "./microphone.ts";
import { recordedType } from "./recorded-types.ts";
import { waveformOf } from "./waveform.ts";

const bitsPerSecond = 32_000;
const longestMs = 30 * 60 * 1000;
const warnedMs = 60 * 1000;
const levelMs = 50;
/** So many levels are drawn while one speaks. */
const drawnLevels = 160;

/** Said in words for people. */
export class RecordingProblem extends Error {}

export class Recording {
  stage: "asking" | "recording" | "paused" | "ready" = $state("asking");
  elapsedMs = $state(0);
  /** The newest, loudness from 0 to 1. */
  levels: readonly number[] = $state.raw([]);
  /** Why it ended by itself. */
  note: string | null = $state(null);
  /** What was recorded, once that has ended; null while there is nothing. */
  blob: Blob | null = $state.raw(null);
  waveform: Uint8Array<ArrayBuffer> = $state.raw(new Uint8Array(1));
  readonly leftMs = $derived(longestMs - this.elapsedMs);
  readonly warned = $derived(this.leftMs <= warnedMs && this.stage !== "ready");
  readonly #all: number[] = [];
  readonly #chunks: Blob[] = [];
  readonly #type = recordedType();
  #recorder: MediaRecorder | null = null;
  #loudness: Loudness | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #wakeLock: WakeLockSentinel | null = null;
  #runningSinceMs: number | null = null;
  #beforeMs = 0;
  #cancelled = false;
  #ended: Promise<void> | null = null;

  /** `mustEnd`: the microphone is gone, the page is hidden, or it is as long as it may be. */
  constructor(private readonly mustEnd: () => void) {}

  /** Rejects where there is no microphone to be had; resolves also where it was cancelled meanwhile. */
  async start(): Promise<void> {
    if (!this.#type) throw new RecordingProblem(text.unsupported);
    const stream = await openMicrophone();
    if (this.#cancelled) return closeMicrophone(stream);
    try {
      this.#begin(stream, this.#type.asked);
    } catch (error) {
      closeMicrophone(stream);
      throw error;
    }
    this.#wakeLock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    if (this.#recorder === null) void this.#wakeLock?.release();
  }

  pause(): void {
    if (this.stage !== "recording") return;
    this.#recorder?.pause();
    this.#hold();
    this.stage = "paused";
  }

  resume(): void {
    if (this.stage !== "paused") return;
    this.#recorder?.resume();
    this.#runningSinceMs = performance.now();
    this.stage = "recording";
  }

  /** Ends recording and keeps what there is; rejects where that is nothing. */
  async stop(): Promise<void> {
    if (this.stage === "asking") return this.cancel();
    if (this.#recorder && this.#recorder.state !== "inactive") {
      this.#hold();
      this.#recorder.stop();
    }
    await this.#ended;
    if (this.blob === null && !this.#cancelled) throw new RecordingProblem(text.nothing);
  }

  /** Nothing of it stays. */
  cancel(): void {
    this.#cancelled = true;
    if (this.#recorder && this.#recorder.state !== "inactive") this.#recorder.stop();
    this.#letGo();
    this.#chunks.length = 0;
    this.blob = null;
  }

  /** What is sent: a name that tells nothing, and none of the times that some browsers write into a recording. */
  async file(): Promise<FileToSend> {
    if (!this.blob || !this.#type) throw new RecordingProblem(text.nothing);
    const { type, ending } = this.#type;
    const { blob = this.blob } = type === "audio/mp4" ? ((await cleanMovie(this.blob)) ?? {}) : {};
    const durationMs = Math.round(this.elapsedMs);
    return { name: `${text.fileName}.${ending}`, type, blob, durationMs, waveform: this.waveform };
  }

  #begin(stream: MediaStream, mimeType: string): void {
    const recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: bitsPerSecond });
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    this.#recorder = recorder;
    this.#loudness = new Loudness(stream);
    recorder.ondataavailable = ({ data }) => {
      if (data.size > 0 && !this.#cancelled) this.#chunks.push(data);
    };
    recorder.onstop = () => {
      this.#letGo();
      closeMicrophone(stream);
      if (this.#chunks.length > 0 && !this.#cancelled) this.blob = new Blob(this.#chunks, { type: this.#type?.type ?? "" });
      this.waveform = waveformOf(this.#all, waveformBars);
      this.stage = "ready";
      ended.resolve();
    };
    for (const track of stream.getTracks())
      track.onended = () => {
        this.note = text.lost;
        this.mustEnd();
      };
    recorder.start(1000);
    this.#runningSinceMs = performance.now();
    this.stage = "recording";
    this.#timer = setInterval(() => this.#listen(), levelMs);
    document.addEventListener("visibilitychange", this.#onhide);
  }

  #listen(): void {
    if (this.stage !== "recording" || this.#runningSinceMs === null) return;
    this.elapsedMs = this.#beforeMs + performance.now() - this.#runningSinceMs;
    const level = this.#loudness?.level() ?? 0;
    this.#all.push(level);
    this.levels = [...this.levels, level].slice(-drawnLevels);
    if (this.elapsedMs < longestMs) return;
    this.note = text.limit(longestMs / 60_000);
    this.mustEnd();
  }

  // Nobody is listened to behind their back.
  #onhide = () => {
    if (document.visibilityState === "hidden") this.mustEnd();
  };

  #hold(): void {
    if (this.#runningSinceMs === null) return;
    this.#beforeMs += performance.now() - this.#runningSinceMs;
    this.#runningSinceMs = null;
    this.elapsedMs = this.#beforeMs;
  }

  #letGo(): void {
    clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#onhide);
    this.#hold();
    this.#loudness?.end();
    this.#loudness = null;
    if (this.#recorder) closeMicrophone(this.#recorder.stream);
    this.#recorder = null;
    void this.#wakeLock?.release();
    this.#wakeLock = null;
  }
}
