import { expect, test } from "bun:test";
import { encodeCbor, labels, toBase64url } from "@cychat/protocol";
import { Person, refusal, World } from "../testing/world.ts";
import { openSealed, sealTo } from "./hpke.ts";
import { verify } from "./identity.ts";
import { randomBytes } from "./primitives.ts";
import {
  deriveInvite,
  generateInviteSecret,
  guestPayload,
  inviteFragment,
  parseInvite,
  proveInvite,
  signGuest,
} from "./room-invite.ts";

const { conversation } = await World.create();
const other = toBase64url(randomBytes(32)) as typeof conversation;
const secret = generateInviteSecret();

test("[P9.11] everybody who has the link derives the same keys, of this room alone", async () => {
  const [one, two] = [await deriveInvite(secret, conversation), await deriveInvite(secret, conversation)];
  expect(two.id).toBe(one.id);
  expect(two.sealKeyPair).toEqual(one.sealKeyPair);
  expect(two.signKey.publicKey).toEqual(one.signKey.publicKey);
  expect(one.signKey.privateKey.extractable).toBe(false);
  for (const different of [await deriveInvite(secret, other), await deriveInvite(generateInviteSecret(), conversation)]) {
    expect(different.id).not.toBe(one.id);
    expect(different.sealKeyPair.publicKey).not.toEqual(one.sealKeyPair.publicKey);
    expect(different.signKey.publicKey).not.toEqual(one.signKey.publicKey);
  }
  expect(await refusal(deriveInvite(secret.slice(1), conversation))).toBe("malformed-key");
  const info = encodeCbor([labels.seal]);
  expect(await openSealed(two.sealKeyPair, info, await sealTo(one.sealKeyPair.publicKey, info, secret))).toEqual(secret);
});

test("[P9.11] a link carries room and secret in its fragment, and is read whole or as the fragment", async () => {
  const fragment = inviteFragment(conversation, secret);
  for (const text of [
    fragment,
    `#${fragment}`,
    `https://chat.example.org/join#${fragment}`,
    `  https://a.example/#x#${fragment}\n`,
  ])
    expect(parseInvite(text)).toEqual({ conversation, secret });
  const [, room, key] = fragment.split(".") as [string, string, string];
  for (const wrong of [
    "",
    "https://chat.example.org/join",
    `v2.${room}.${key}`,
    `v1.${room}`,
    `${fragment}.more`,
    `v1.${room}x.${key}`,
    `v1.${room}.${key.slice(1)}`,
    `v1.${room}.${key}=`,
    `v1..${key}`,
    `${fragment}?utm_source=mail`,
  ])
    expect(await refusal(() => parseInvite(wrong))).toBe("malformed-structure");
});

test("[P9.11] its signatures say for whom and where, each under its own label", async () => {
  const cy = await Person.create("c");
  const invite = await deriveInvite(secret, conversation);
  const prev = randomBytes(32);
  const signature = await signGuest(invite, conversation, prev, cy.account, cy.state.identityHash);
  const payload = guestPayload(conversation, prev, cy.account, cy.state.identityHash);
  await verify(invite.signKey.publicKey, labels.inviteGuest, { payload, signature });
  expect(await refusal(verify(invite.signKey.publicKey, labels.inviteOpen, { payload, signature }))).toBe("bad-signature");
  const proof = {
    payload: encodeCbor([conversation, invite.id, cy.account]),
    signature: await proveInvite(invite, conversation, cy.account),
  };
  await verify(invite.signKey.publicKey, labels.inviteOpen, proof);
  expect(await refusal(verify(invite.signKey.publicKey, labels.inviteGuest, proof))).toBe("bad-signature");
});
