// Only one recording, piece of music or film is heard at a time.
let playing: HTMLMediaElement | null = null;

document.addEventListener(
  "play",
  ({ target }) => {
    if (!(target instanceof HTMLMediaElement) || target.muted) return;
    if (playing !== target) playing?.pause();
    playing = target;
  },
  // These events do not rise to the document, but they pass it on their way down.
  { capture: true },
);

/** Whoever records hears nothing meanwhile. */
export const pausePlaying = () => playing?.pause();
