// Who is in a room, as far as a screen asked: read once, then again whenever the room says that it changed.
import type { ChatClient, RoomPeopleView } from "@cychat/sdk";
import type { ConversationId } from "./types.ts";

export class RoomPeople {
  people: RoomPeopleView | null = $state.raw(null);
  failure: unknown = $state.raw(null);
  #reading: Promise<void> | null = null;
  #again = false;

  constructor(
    private readonly client: ChatClient,
    readonly conversation: ConversationId,
  ) {}

  /** Resolves once they are known, or could not be had (`failure`). */
  async known(): Promise<void> {
    if (this.people === null) await this.read();
  }

  /** Many changes at once are read once more, not once each. */
  read(): Promise<void> {
    this.#again = this.#reading !== null;
    this.#reading ??= this.#readUntilQuiet().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  /** Somebody came, left, or has another role. What nobody has asked for is not read. */
  changed(): void {
    if (this.people !== null || this.failure !== null) void this.read();
  }

  async #readUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      try {
        this.people = await this.client.roomPeople(this.conversation);
        this.failure = null;
      } catch (error) {
        this.failure = error;
      }
    } while (this.#again);
  }
}
