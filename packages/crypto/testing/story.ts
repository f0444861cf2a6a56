// For tests only: one account pair's whole life, made once and kept in vectors/story.json, so that every later release
// (and Chromium) must still open what this one sealed. Runs in Bun and in a browser.
import { type AccountId, type CborValue, decodeCbor, encodeCbor, type MessageId, type Signed } from "@cychat/protocol";
import { type AccountState, verifyAccountLog } from "../src/account-log.ts";
import { createRotation, type DirectRecord } from "../src/direct-chats.ts";
import { openMessage, sealMessage } from "../src/envelope.ts";
import { openSeal } from "../src/epoch-key.ts";
import { verifyRecords } from "../src/epochs.ts";
import { generateIdentity } from "../src/identity.ts";
import { emptyKeyring, importSafeKey, openKeyring, sealKeyring, withEpochKey } from "../src/keyring.ts";
import { derivePasswordSecrets } from "../src/password.ts";
import { type Bytes, zeroHash } from "../src/primitives.ts";
import { epochReference, recordPinOf } from "../src/record-chain.ts";
import { recoveryKeyToText } from "../src/recovery-key.ts";
import {
  createMethod,
  createWraps,
  deriveRootKey,
  deriveVaultKey,
  generateRootSecret,
  openIdentity,
  openMethod,
  sealIdentity,
} from "../src/unlock-methods.ts";
import { emptyVault, generateSafeKey, openVault, sealVault } from "../src/vault.ts";
import { type Person, World } from "./world.ts";

/** Every value is CBOR in hexadecimal, but for plain text and numbers. */
export type Story = Record<string, string | number>;

const messageId = "01890a5d-ac96-774b-bcce-b302099a8057" as MessageId;
const text = "Grüße aus der ersten Fassung 👋";
const fakeArgon2 = async () => new Uint8Array(32).fill(5);
const login = {
  email: "ada@example.org",
  password: "correct horse",
  serverSalt: new Uint8Array(32),
  parameters: { memoryKib: 65_536, passes: 3, lanes: 1 },
};
const hex = (value: CborValue) => encodeCbor(value).toHex();
const signedPairs = (list: readonly Signed[]) => hex(list.map(({ payload, signature }) => [payload, signature]));
const pairs = (text: string | number | undefined) =>
  (decodeCbor(Uint8Array.fromHex(String(text))) as unknown as [Bytes, Bytes][]).map(([payload, signature]) => ({
    payload,
    signature,
  }));
const bytes = (text: string | number | undefined) => new Uint8Array(decodeCbor(Uint8Array.fromHex(String(text))) as Bytes);

export async function makeStory(): Promise<Story> {
  const { identity, pkcs8 } = await generateIdentity();
  const world = await World.create();
  const [ada, bob] = [world.alice, world.bob];
  const { kek } = await derivePasswordSecrets(login, fakeArgon2);
  const root = generateRootSecret();
  const method = await createMethod({ account: ada.account, kind: "password", kek, identityKey: ada.identity.publicKey });
  const statement = await createWraps({ account: ada.account, version: 1, identity: ada.identity, root, methods: [method] });
  const records: DirectRecord[] = [world.genesis, await createRotation(world.chain, bob.author, world.resolve)];
  const last = records[1] as DirectRecord;
  world.accept(last);
  const sealToAda = last.seals.find((seal) => seal.recipient === ada.account) as DirectRecord["seals"][number];
  const { bytes: envelope } = await sealMessage(world.message(bob, text, { messageId }));
  const safeKey = generateSafeKey(1);
  const place = { account: ada.account, conversation: world.conversation, version: 1, previousHash: zeroHash() };
  const keyring = withEpochKey(emptyKeyring, 2, last.epochKey, recordPinOf(last.state));
  const keyPair = {
    ...(ada.keyPairs.get(1) as { seed: Bytes; publicKey: Bytes }),
    generation: 1,
    createdAtMs: 1,
    supersededAtMs: null,
  };
  const vault = await sealVault(await deriveVaultKey(root), ada.account, 1, {
    ...emptyVault,
    encryptionKeys: [keyPair],
    safeKeys: [safeKey],
  });
  return {
    about: "One story, sealed once. password: the fake Argon2id of story.ts; everything else is the real thing.",
    account: ada.account,
    peer: bob.account,
    conversation: world.conversation,
    log: signedPairs(ada.entries),
    peerLog: signedPairs(bob.entries),
    method: method.method,
    box: hex(method.box),
    statement: signedPairs([statement]),
    // The identity of this box is a second one: the first one's private half was never exported.
    boxedIdentityKey: hex(identity.publicKey),
    identityBox: hex(await sealIdentity(await deriveRootKey(root), ada.account, identity.publicKey, pkcs8)),
    vault: hex(vault.ciphertext),
    records: signedPairs(records.map(({ record }) => record)),
    memberLists: hex(records.map(({ memberList }) => memberList)),
    encapsulated: hex(sealToAda.encapsulated),
    sealCiphertext: hex(sealToAda.ciphertext),
    keyring: hex((await sealKeyring(await importSafeKey(safeKey.key), place, keyring)).ciphertext),
    envelope: hex(envelope),
    text,
    recoveryText: await recoveryKeyToText(root.fill(9)),
  };
}

/** From the password to the message's text, through every structure; gives the text. */
export async function readStory(story: Story): Promise<string> {
  const account = story.account as AccountId;
  const peer = story.peer as AccountId;
  const conversation = story.conversation as Person["account"] & World["conversation"];
  const ada = await verifyAccountLog(account, pairs(story.log));
  const bob = await verifyAccountLog(peer, pairs(story.peerLog));
  const { kek } = await derivePasswordSecrets(login, fakeArgon2);
  const [statement] = pairs(story.statement) as [Signed];
  const { root } = await openMethod({
    account,
    kind: "password",
    method: String(story.method),
    kek,
    box: bytes(story.box),
    statement,
    identityKey: ada.identityKey,
  });
  await openIdentity(await deriveRootKey(root), account, bytes(story.boxedIdentityKey), bytes(story.identityBox));
  const vault = await openVault(await deriveVaultKey(root), account, 1, bytes(story.vault));
  const lists = decodeCbor(Uint8Array.fromHex(String(story.memberLists))) as Bytes[];
  const evidence = pairs(story.records).map((record, index) => ({ record, memberList: new Uint8Array(lists[index] as Bytes) }));
  const resolve = (id: AccountId): AccountState => (id === account ? ada : bob);
  const chain = await verifyRecords(null, evidence, resolve, { conversation, nowMs: 0 });
  const seal = {
    recipient: account,
    generation: 1,
    encapsulated: bytes(story.encapsulated),
    ciphertext: bytes(story.sealCiphertext),
  };
  const [keyPair] = vault.encryptionKeys;
  const [safeKey] = vault.safeKeys;
  if (keyPair === undefined || safeKey === undefined) throw new Error("the vault is empty");
  const epochKey = await openSeal(epochReference(chain, 2), seal, keyPair);
  const place = { account, conversation, version: 1, previousHash: zeroHash() };
  const keyring = await openKeyring(await importSafeKey(safeKey.key), place, bytes(story.keyring));
  if (keyring.keys.get(2)?.toHex() !== epochKey.toHex()) throw new Error("letter and safe differ");
  const { content } = await openMessage(bytes(story.envelope), { chain, epochKey, author: bob });
  return content.kind === "text" ? content.text : content.kind;
}
