/**
 * How long the recording in a player is, in milliseconds; null for what cannot be played. Browsers write recordings that do
 * not say it: then it is known once the player has been at the end.
 */
export async function measure(audio: HTMLMediaElement): Promise<number | null> {
  try {
    if (audio.readyState < HTMLMediaElement.HAVE_METADATA) await event(audio, "loadedmetadata");
    if (!Number.isFinite(audio.duration)) {
      const atEnd = event(audio, "seeked");
      audio.currentTime = Number.MAX_SAFE_INTEGER;
      await atEnd;
    }
    const seconds = Number.isFinite(audio.duration) ? audio.duration : audio.currentTime;
    return seconds > 0 ? seconds * 1000 : null;
  } catch {
    return null;
  }
}

function event(audio: HTMLMediaElement, type: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = new AbortController();
    const { signal } = ended;
    const settle = (how: () => void) => () => {
      ended.abort();
      how();
    };
    audio.addEventListener(type, settle(resolve), { signal });
    audio.addEventListener("error", settle(reject), { signal });
    if (audio.error) settle(reject)();
  });
}
