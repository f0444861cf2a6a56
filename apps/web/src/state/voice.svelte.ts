// The voice message of a conversation that is being recorded, or waits to be sent: it outlives the screen, as a tray does.
import { pausePlaying } from "../files/one-plays.ts";
import { voice as text } from "../strings/voice.ts";
import type { Recording } from "../voice/recording.svelte.ts";
import { chat } from "./chat.svelte.ts";
import { codeOf, explain } from "./failure.ts";
import { newMessageId } from "./message-id.ts";
import type { Timeline } from "./timeline.svelte.ts";
import type { ConversationId, MessageId } from "./types.ts";

const load = () => Promise.all([import("../voice/recording.svelte.ts"), import("../voice/microphone.ts")]);

export const canRecord = "mediaDevices" in navigator && "MediaRecorder" in window && "AudioContext" in window;

export class VoiceDraft {
  #recording: Recording | null = $state.raw(null);
  /** Why there is none, or why it was not sent. */
  problem: string | null = $state(null);
  isSending = $state(false);
  #starting = false;
  /** The same recording sent again is the same message. */
  #id: MessageId | null = null;

  constructor(private readonly model: Timeline) {}

  get recording(): Recording | null {
    return this.#recording;
  }

  async start(): Promise<void> {
    if (this.recording || this.#starting) return;
    this.#starting = true;
    this.problem = null;
    pausePlaying();
    try {
      const [{ Recording, RecordingProblem }, { explainMicrophone }] = await load();
      const recording = new Recording(() => void this.stop());
      this.#set(recording);
      this.#id = newMessageId();
      await recording.start().catch((error) => {
        // Cancelled while the browser asked: nobody waits for an answer.
        if (this.recording !== recording) return;
        this.#set(null);
        this.problem = error instanceof RecordingProblem ? error.message : explainMicrophone(error);
      });
    } catch (error) {
      this.problem = explain(error);
    } finally {
      this.#starting = false;
    }
  }

  /** Ends recording and keeps what there is. */
  async stop(): Promise<void> {
    const { recording } = this;
    try {
      await recording?.stop();
      if (recording?.stage === "asking" && this.recording === recording) this.#set(null);
    } catch (error) {
      if (this.recording === recording) this.#set(null);
      this.problem = (error as Error).message;
    }
  }

  discard(): void {
    this.recording?.cancel();
    this.#set(null);
    this.problem = null;
  }

  /** `false`, with everything as it was, where it was refused. */
  async send(): Promise<boolean> {
    const { recording } = this;
    if (!recording || this.isSending) return false;
    this.isSending = true;
    this.problem = null;
    try {
      await this.stop();
      if (this.recording !== recording || !recording.blob) return false;
      const file = await recording.file();
      this.#id ??= newMessageId();
      const rest = { id: this.#id, caption: "", mentions: [], progress: () => {}, signal: new AbortController().signal };
      await this.model.sendFiles([file], rest);
      if (this.recording === recording) this.#set(null);
      return true;
    } catch (error) {
      this.problem = codeOf(error) ? explain(error) : text.failed;
      return false;
    } finally {
      this.isSending = false;
    }
  }

  #set(recording: Recording | null): void {
    this.#recording = recording;
    // What is recorded and not sent is not lost without a word.
    if ([...drafts.values()].some((draft) => draft.recording !== null)) addEventListener("beforeunload", askFirst);
    else removeEventListener("beforeunload", askFirst);
  }
}

const askFirst = (event: Event) => event.preventDefault();

const drafts = new Map<ConversationId, VoiceDraft>();

export function voiceOf(id: ConversationId): VoiceDraft {
  const draft = drafts.get(id) ?? new VoiceDraft(chat.timeline(id));
  drafts.set(id, draft);
  return draft;
}

chat.onOtherAccount(() => {
  for (const draft of drafts.values()) draft.discard();
  drafts.clear();
});

// A page that is left has no microphone.
addEventListener("pagehide", () => {
  for (const draft of drafts.values()) void draft.stop();
});
