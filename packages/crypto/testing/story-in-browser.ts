// For tests only: what story.test.ts runs inside Chromium.
import { deriveWith, fallbackSuite, nativeSuite } from "../src/hpke.ts";
import { nativeHybridKem, nativeHybridKemWorks } from "../src/hybrid-kem.ts";
import { deriveInvite, parseInvite } from "../src/room-invite.ts";
import { makeStory, readStory, type Story } from "./story.ts";

async function runStory(story: Story, draft: { skRm: string; enc: string }, fragment: string) {
  const { conversation, secret } = parseInvite(fragment);
  const invite = await deriveInvite(secret, conversation);
  const kem = nativeHybridKem();
  const privateKey = await kem.DeserializePrivateKey(Uint8Array.fromHex(draft.skRm), false);
  const seed = new Uint8Array(32).fill(1);
  const [native, fallback] = [await deriveWith(nativeSuite(), seed), await deriveWith(await fallbackSuite(), seed)];
  return {
    text: await readStory(story),
    native: await nativeHybridKemWorks(),
    sharedSecret: (await kem.Decap(Uint8Array.fromHex(draft.enc), privateKey, undefined)).toHex(),
    fallbackAgrees: native.publicKey.toHex() === fallback.publicKey.toHex(),
    inviteKey: invite.signKey.publicKey.toHex(),
    made: await makeStory(),
  };
}

Object.assign(globalThis, { runStory });
