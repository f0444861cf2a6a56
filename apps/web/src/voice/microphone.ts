// The microphone, for as long as somebody records.
import { codeOf, explain } from "../state/failure.ts";
import { voice as text } from "../strings/voice.ts";

const constraints: MediaStreamConstraints = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

export const openMicrophone = () => navigator.mediaDevices.getUserMedia(constraints);

export function closeMicrophone(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

export function explainMicrophone(error: unknown): string {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return text.refused;
    case "NotFoundError":
    case "OverconstrainedError":
      return text.missing;
    case "NotReadableError":
    case "AbortError":
    case "InvalidStateError":
      return text.busy;
    case "NotSupportedError":
      return text.unsupported;
    default:
      return codeOf(error) ? explain(error) : text.busy;
  }
}
