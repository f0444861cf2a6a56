// Which epoch keys every account has ever held, or could have made of what it held and of all that was ever addressed to it:
// never one that PROTOCOL.md P9.12 does not give it. All of this is opened with the account's own secrets.
import { type Bytes, deriveInvite, openSealed, parseInvite, type SealKeyPair } from "@cychat/crypto";
import { type AccountId, ArrayReader, type ConversationId, decodeCbor, encodeCbor, labels } from "@cychat/protocol";
import { epochsIn, ignoreWrongKey, keptVault, type StoredKeyring } from "../support/kept-keys.ts";
import type { Device } from "./device.ts";
import type { RoomLedger } from "./room-ledger.ts";
import { readStored } from "./stored.ts";
import type { World } from "./world.ts";

/** Keys are secrets: what is kept of them here is only which epochs they are of. */
export class HeldKeys {
  readonly #epochs = new Map<string, Set<number>>();

  of(account: string, conversation: ConversationId): ReadonlySet<number> {
    return this.#epochs.get(account + conversation) ?? new Set();
  }

  add(account: string, conversation: ConversationId, epochs: Iterable<number>): void {
    const held = this.#epochs.get(account + conversation) ?? new Set();
    for (const epoch of epochs) held.add(epoch);
    this.#epochs.set(account + conversation, held);
  }
}

/** Somebody who holds, or can open, a key that is not for them; null when nobody does. */
export async function wronglyHeld(world: World): Promise<string | null> {
  for (const { name, devices } of world.accounts) for (const device of devices) await collect(world, name, device);
  // The records after the keys: none of these is of a record that is not known then.
  await readStored(world);
  for (const { name } of world.accounts) {
    const id = world.people.get(name);
    if (id === undefined) continue;
    for (const [conversation, ledger] of world.ledgers) {
      const epochs = new Set(ledger.mayRead(id));
      for (const link of linksOf(world, name, conversation)) for (const epoch of ledger.mayRead(link.invite)) epochs.add(epoch);
      const more = [...world.held.of(name, conversation)].filter((epoch) => !epochs.has(epoch));
      if (more.length > 0) return `${name} can open the epochs ${more} of ${conversation}, and may read only ${[...epochs]}`;
    }
  }
  return null;
}

/** A link is a member as far as keys are concerned: whoever has seen it can open what is sealed to it (P9.11). */
const linksOf = ({ links }: World, account: string, conversation: ConversationId) =>
  links.filter((link) => link.conversation === conversation && link.holders.has(account));

async function collect(world: World, name: string, device: Device): Promise<void> {
  const account = world.people.get(name);
  const vault = account === undefined ? null : await keptVault(device.store, account);
  if (account === undefined || vault === null) return;
  const { db } = world.server.core;
  const kept = (await device.store.list("keyrings")) as unknown as { key: string; value: StoredKeyring }[];
  const rows = await db.selectFrom("keyrings").selectAll().where("account", "=", account).execute();
  const keyrings = [
    ...kept.map(({ key, value }) => ({ conversation: key as ConversationId, ...value })),
    ...rows.map(({ conversation, version, prev_hash, ciphertext }) => ({
      ...{ conversation, version, ciphertext: ciphertext as Bytes, previousHash: prev_hash as Bytes },
    })),
  ];
  for (const keyring of keyrings)
    if (world.ledgers.has(keyring.conversation))
      world.held.add(name, keyring.conversation, await epochsIn(vault, account, keyring));
  const seals = await db.selectFrom("seals").selectAll().where("recipient", "=", account).execute();
  for (const { conversation, epoch } of seals) world.held.add(name, conversation, [epoch]);
  await collectLetters(world, name, account, vault.encryptionKeys);
  for (const { url, conversation, invite } of world.links.filter(({ holders }) => holders.has(name))) {
    const { sealKeyPair } = await deriveInvite(parseInvite(new URL(url).hash).secret, conversation);
    await collectLetters(world, name, invite, [{ ...sealKeyPair, generation: 1 }]);
    const toLink = await db.selectFrom("seals").select("epoch").where("recipient", "=", invite).execute();
    world.held.add(
      name,
      conversation,
      toLink.map(({ epoch }) => epoch),
    );
  }
}

async function collectLetters(
  world: World,
  name: string,
  recipient: string,
  keyPairs: readonly (SealKeyPair & { readonly generation: number })[],
): Promise<void> {
  const letters = await world.server.core.db
    .selectFrom("history_letters")
    .selectAll()
    .where("recipient", "=", recipient as AccountId)
    .execute();
  for (const { conversation, record_index, generation, encapsulated, ciphertext } of letters) {
    const recordHash = Uint8Array.fromHex((world.ledgers.get(conversation) as RoomLedger).hashes[record_index] ?? "");
    const info = encodeCbor([labels.history, conversation, recordHash, recipient, generation]);
    // Two devices that rolled the key at once may have made two of one generation.
    for (const keyPair of keyPairs.filter((pair) => pair.generation === generation)) {
      const sealed = { encapsulated, ciphertext } as Parameters<typeof openSealed>[2];
      const plaintext = await openSealed(keyPair, info, sealed).catch(ignoreWrongKey);
      if (plaintext === undefined) continue;
      const reader = new ArrayReader([decodeCbor(plaintext)], "a history letter");
      const keys = reader.list("an epoch key", (item) => [item.count(), item.bytes(32)] as const);
      const epochs = keys.map(([epoch]) => epoch);
      world.held.add(name, conversation, epochs);
    }
  }
}
