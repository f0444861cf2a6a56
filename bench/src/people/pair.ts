// Two people who have each other as contacts, and their direct conversation.
import { createGenesis, randomBytes, sealMessage, sha256, zeroHash } from "@cychat/crypto";
import { type ConversationId, contactEndpoints, conversationEndpoints, newMessageId, toBase64url } from "@cychat/protocol";
import type { Person } from "./person.ts";
import { recordBody } from "./record-body.ts";
import { call } from "./rest.ts";

export interface Pair {
  readonly people: readonly [Person, Person];
  readonly conversation: ConversationId;
  readonly epochKey: Uint8Array<ArrayBuffer>;
  readonly recordHash: Uint8Array<ArrayBuffer>;
}

export async function createPair(url: string, a: Person, b: Person): Promise<Pair> {
  await call(url, contactEndpoints.addContact, { token: a.token, body: { email: b.email } });
  await call(url, contactEndpoints.addContact, { token: b.token, body: { email: a.email } });
  const genesis = await createGenesis({ account: a.state, device: a.device }, b.state);
  const { conversation } = genesis.state;
  await call(url, conversationEndpoints.addRecord, {
    token: a.token,
    params: { id: conversation },
    body: recordBody(genesis),
  });
  return { people: [a, b], conversation, epochKey: genesis.epochKey, recordHash: await sha256(genesis.record.payload) };
}

/** `count` texts by one of them, each encrypted and signed, in the order in which they have to be sent. */
export async function sealTexts(
  pair: Pick<Pair, "conversation" | "epochKey" | "recordHash">,
  author: Pick<Person, "account" | "device">,
  count: number,
  textBytes: number,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const { conversation, epochKey, recordHash } = pair;
  const envelopes: Uint8Array<ArrayBuffer>[] = [];
  let prev = zeroHash();
  for (let counter = 1; counter <= count; counter++) {
    const { bytes, envelopeHash } = await sealMessage({
      conversation,
      epoch: 1,
      epochKey,
      messageId: newMessageId(),
      account: author.account,
      device: author.device,
      recordHash,
      sentAtMs: Date.now(),
      counter,
      prev,
      content: { kind: "text", text: randomText(textBytes), mentions: [] },
    });
    envelopes.push(bytes);
    prev = envelopeHash;
  }
  return envelopes;
}

export function randomText(bytes: number): string {
  return toBase64url(randomBytes(bytes)).slice(0, bytes);
}
