/** What is recorded, best first: all that one sends to the other plays in every browser that has one of the two. */
const types = [
  { asked: "audio/webm;codecs=opus", type: "audio/webm", ending: "webm" },
  { asked: "audio/mp4;codecs=mp4a.40.2", type: "audio/mp4", ending: "m4a" },
  { asked: "audio/mp4", type: "audio/mp4", ending: "m4a" },
] as const;

export const recordedType = () => types.find(({ asked }) => MediaRecorder.isTypeSupported(asked));
