// A file that plays while it comes: what the player asks for is fetched, and verified, piece by piece.
import type { MessageView } from "@cychat/sdk";
import { explainFile } from "../files/explain-file.ts";
import { chat } from "../state/chat.svelte.ts";
import { withPatience } from "./patience.ts";
import { type Address, servedFiles } from "./served-files.ts";

export class Playing {
  readonly url: string;
  /** The player waits for the connection, and goes on with it. */
  isWaiting = $state(false);
  readonly #address: Address;

  /** `failed` hears what to say where the file cannot be had. */
  constructor(message: MessageView, index: number, type: string, failed: (problem: string) => void) {
    const size = message.files[index]?.size ?? 0;
    this.#address = servedFiles.add({
      file: { use: "play", size, type },
      read: async (from, to, signal) => {
        try {
          return await withPatience(
            () => chat.client.readFile(message.conversation, message.id, index, { from, to, signal }),
            signal,
            (isWaiting) => (this.isWaiting = isWaiting),
          );
        } catch (error) {
          if (!signal.aborted) failed(explainFile(error));
          throw error;
        }
      },
    });
    this.url = this.#address.url;
  }

  end(): void {
    this.#address.end();
  }
}
