// Fixed answers for everything that is deterministic, in vectors/derivations.json.
import { expect, test } from "bun:test";
import { type AccountId, encodeMemberList, labels, type MessageId } from "@cychat/protocol";
import { checkVector } from "../testing/vectors.ts";
import { deviceIdOf } from "./device.ts";
import { commitTo, directConversationId } from "./epoch-key.ts";
import { deriveSealKeyPair } from "./hpke.ts";
import { pad } from "./padding.ts";
import { concatBytes, hkdf, openBox, sealBox, sha256 } from "./primitives.ts";
import { deriveRootKey, deriveVaultKey } from "./unlock-methods.ts";

const secret = Uint8Array.from({ length: 32 }, (_, index) => index);
const ada = "aaaaaaaa-0000-4000-8000-000000000000" as AccountId;
const bob = "bbbbbbbb-0000-4000-8000-000000000000" as AccountId;
const messageId = "01890a5d-ac96-774b-bcce-b302099a8057" as MessageId;
const deviceKey = concatBytes(Uint8Array.of(4), new Uint8Array(64).fill(1));

test("vectors/derivations.json", async () => {
  const conversation = await directConversationId(bob, ada);
  const device = await deviceIdOf(deviceKey);
  const keyPair = await deriveSealKeyPair(secret);
  const members = [bob, ada].map((account) => ({ account, identityHash: secret, role: "owner", generation: 1 }) as const);
  await checkVector("derivations", {
    secret: secret.toHex(),
    vaultKey: (await hkdf(secret, [labels.vaultKey])).toHex(),
    rootKey: (await hkdf(secret, [labels.rootKey])).toHex(),
    sealPublicKeySha256: (await sha256(keyPair.publicKey)).toHex(),
    deviceKey: deviceKey.toHex(),
    device,
    accounts: [ada, bob],
    directConversation: conversation,
    memberList: encodeMemberList(members).toHex(),
    commitmentOfEpoch1: (await commitTo(secret, conversation, 1)).toHex(),
    messageId,
    messageKey: (await hkdf(secret, [labels.messageKey, conversation, device], new TextEncoder().encode(messageId))).toHex(),
    paddedSecret: pad(secret).toHex(),
  });
});

test("V and R are the keys of the vectors, and differ", async () => {
  const [vaultKey, rootKey] = [await deriveVaultKey(secret), await deriveRootKey(secret)];
  const raw = await hkdf(secret, [labels.vaultKey]);
  const imported = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  const box = await sealBox(imported, [labels.vaultBox], secret);
  expect(await openBox(vaultKey, [labels.vaultBox], box)).toEqual(secret);
  await expect(openBox(rootKey, [labels.vaultBox], box)).rejects.toThrow();
  expect([vaultKey.extractable, rootKey.extractable]).toEqual([false, false]);
});
