// Everything that the people of some conversations are going to say, encrypted and signed before any clock starts.
import { type ClientFrame, decodeEnvelope, toBase64url } from "@cychat/protocol";
import { inParallel } from "../people/in-parallel.ts";
import { type Pair, sealTexts } from "../people/pair.ts";
import { textFrame } from "./connection.ts";
import { Lane } from "./lane.ts";
import type { PreparedLane } from "./traffic.ts";

export interface PreparedConversations {
  /** Two of each pair, next to each other. */
  readonly lanes: readonly PreparedLane[];
  /** Of one envelope, before base64url. */
  readonly envelopeBytes: number;
  /** Of the text of one frame. */
  readonly frameBytes: number;
}

const width = 8;

export async function conversationFrames(
  pairs: readonly Pair[],
  perPerson: number,
  textBytes: number,
): Promise<PreparedConversations> {
  const seats = pairs.flatMap((pair) => pair.people.map((person) => ({ pair, person })));
  let envelopeBytes = 0;
  let frameBytes = 0;
  const lanes = await inParallel(seats, width, async ({ pair, person }): Promise<PreparedLane> => {
    const envelopes = await sealTexts(pair, person, perPerson, textBytes);
    const texts = envelopes.map((envelope) => {
      const frame = { type: "send", conversation: pair.conversation, envelope: toBase64url(envelope) } satisfies ClientFrame;
      return JSON.stringify(frame);
    });
    envelopeBytes = envelopes[0]?.length ?? 0;
    frameBytes = texts[0]?.length ?? 0;
    return {
      hello: JSON.stringify({ type: "hello", token: person.token }),
      lane: new Lane(texts.map(textFrame)),
      ids: envelopes.map((envelope) => decodeEnvelope(envelope).header.messageId),
    };
  });
  return { lanes, envelopeBytes, frameBytes };
}
