import { expect, test } from "bun:test";
import { encodeSealRequest, labels, maxRequestedEpochs } from "@cychat/protocol";
import { eachFlip, Person, refusal, World } from "../testing/world.ts";
import { sign } from "./identity.ts";
import { createJoinRequest, createSealRequest, verifyJoinRequest, verifySealRequest } from "./member-requests.ts";
import { randomBytes, zeroHash } from "./primitives.ts";

const { conversation } = await World.create();
const recordHash = randomBytes(32);

test("[P9.9] a join request says who asks, for which room, seeing which record, with which keys", async () => {
  const cy = await Person.create("c");
  const request = await createJoinRequest(cy.author, conversation, recordHash);
  expect(await verifyJoinRequest(request, cy.state)).toEqual({
    conversation,
    account: cy.account,
    device: cy.device.id,
    accountLog: [cy.state.head.n, cy.state.head.hash],
    recordHash,
    identityHash: cy.state.identityHash,
    generation: 1,
  });
  const empty = { ...cy.state, newestGeneration: 0 };
  expect(await refusal(createJoinRequest({ ...cy.author, account: empty }, conversation, recordHash))).toBe("not-allowed");
  const codes = await eachFlip(request.payload, (payload) => verifyJoinRequest({ ...request, payload }, cy.state), 3);
  expect([...codes].toSorted()).toEqual(["account-behind", "bad-signature", "fork", "malformed-structure", "unknown-device"]);
  expect([
    ...(await eachFlip(request.signature, (signature) => verifyJoinRequest({ ...request, signature }, cy.state), 7)),
  ]).toEqual(["bad-signature"]);
});

test("[P9.13] a seal request names epochs and the key to seal to", async () => {
  const cy = await Person.create("c");
  const request = await createSealRequest(cy.author, conversation, recordHash, 1, [3, 1, 2]);
  expect(await verifySealRequest(request, cy.state)).toMatchObject({
    conversation,
    recordHash,
    generation: 1,
    epochs: [3, 1, 2],
  });
  for (const epochs of [[], [0], Array.from({ length: maxRequestedEpochs + 1 }, (_, at) => at + 1)])
    expect(await refusal(createSealRequest(cy.author, conversation, recordHash, 1, epochs))).toBe("malformed-structure");
  const later = await createSealRequest(cy.author, conversation, recordHash, 2, [1]);
  expect(await refusal(verifySealRequest(later, cy.state))).toBe("account-behind");
});

test("neither is taken for the other, nor from another account, an unknown or a revoked device", async () => {
  const [cy, dan] = [await Person.create("c"), await Person.create("d")];
  const join = await createJoinRequest(cy.author, conversation, recordHash);
  const seal = await createSealRequest(cy.author, conversation, recordHash, 1, [1]);
  expect(await refusal(verifySealRequest(join, cy.state))).toBe("malformed-structure");
  expect(await refusal(verifyJoinRequest(seal, cy.state))).toBe("malformed-structure");
  const relabelled = await sign(cy.device.privateKey, labels.joinRequest, seal.payload);
  expect(await refusal(verifySealRequest(relabelled, cy.state))).toBe("bad-signature");
  expect(await refusal(verifyJoinRequest(join, dan.state))).toBe("bad-signature");
  const imposter = await Person.create("c");
  expect(await refusal(verifyJoinRequest(join, imposter.state))).toBe("fork");
  const fields = { conversation, account: cy.account, recordHash, generation: 1, epochs: [1] };
  const accountLog = [cy.state.head.n, cy.state.head.hash] as const;
  const codeOf = async (changes: object) => {
    const payload = encodeSealRequest({ ...fields, accountLog, device: cy.device.id, ...changes });
    return refusal(verifySealRequest(await sign(cy.device.privateKey, labels.sealRequest, payload), cy.state));
  };
  expect(await codeOf({ device: dan.device.id })).toBe("unknown-device");
  expect(await codeOf({ accountLog: [0, cy.state.hashes[0]] })).toBe("unknown-device");
  expect(await codeOf({ accountLog: [9, zeroHash()] })).toBe("account-behind");
  expect(await codeOf({ accountLog: [1, zeroHash()] })).toBe("fork");
  const stolen = cy.device;
  cy.device = await cy.addDevice();
  await cy.append({ kind: "revoke", device: stolen.id, reason: "revoked" });
  await cy.rollEncryptionKey();
  // Asked before: still what it was. Dated back with keys that are newer than the revocation, or not dated back: refused.
  expect((await verifyJoinRequest(join, cy.state)).generation).toBe(1);
  const thief = { account: cy.state, device: stolen };
  expect(await refusal(verifyJoinRequest(await createJoinRequest(thief, conversation, recordHash), cy.state))).toBe(
    "device-revoked",
  );
  const payload = encodeSealRequest({ ...fields, accountLog, device: stolen.id, generation: 2 });
  expect(await refusal(verifySealRequest(await sign(stolen.privateKey, labels.sealRequest, payload), cy.state))).toBe(
    "device-revoked",
  );
});
