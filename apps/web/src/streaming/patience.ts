// A lost connection ends neither a film nor a download: both go on when it is back.
import { chat } from "../state/chat.svelte.ts";
import { codeOf } from "../state/failure.ts";

const retryMs = 5_000;

/** Tries again until there is a connection. Rejects with whatever else goes wrong, and with the signal's reason. */
export async function withPatience(
  read: () => Promise<Uint8Array>,
  signal: AbortSignal,
  waits: (isWaiting: boolean) => void,
): Promise<Uint8Array> {
  for (;;) {
    try {
      const bytes = await read();
      waits(false);
      return bytes;
    } catch (error) {
      if (codeOf(error) !== "offline" || signal.aborted) throw error;
      waits(true);
      await backOnline(signal);
    }
  }
}

/** Also after a while: what was offline for one request need not be for the next. */
function backOnline(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      stopListening();
      signal.removeEventListener("abort", onabort);
    };
    const onabort = () => {
      end();
      reject(signal.reason);
    };
    const goOn = () => {
      end();
      resolve();
    };
    const timer = setTimeout(goOn, retryMs);
    const stopListening = chat.client.subscribe((event) => {
      if (event.type === "connection" && event.connection.status === "online") goOn();
    });
    signal.addEventListener("abort", onabort);
  });
}
