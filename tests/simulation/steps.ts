// What people do, and what happens to them.
import { newMessageId } from "@cychat/protocol";
import type { ConversationView, MessageView } from "@cychat/sdk";
import type { Device } from "./device.ts";
import { signIn } from "./sign-in.ts";
import type { Account, World } from "./world.ts";

export interface Scene {
  readonly world: World;
  readonly random: () => number;
  /** How many devices an account may have. */
  readonly maxDevices: number;
  /** Goes on in the background; every quiet point waits for it. */
  start(work: () => Promise<unknown>): void;
  quiet(): Promise<void>;
}

export type Step = (scene: Scene) => Promise<void>;

export function pick<T>(random: () => number, items: readonly T[]): T | undefined {
  return items[Math.floor(random() * items.length)];
}

export const below = (random: () => number, limit: number): number => Math.floor(random() * limit);

function pickRunning({ world, random }: Scene): Device | undefined {
  return pick(
    random,
    world.devices.filter((device) => device.isRunning),
  );
}

/** Of those that one can do something in. */
async function pickConversation(device: Device, random: () => number): Promise<ConversationView | undefined> {
  const found = await device.ask("list conversations", (client) => client.conversations());
  return found.kind === "done" ? pick(random, found.value.filter(isDirect)) : undefined;
}

const isDirect = ({ kind }: ConversationView): boolean => kind === "direct";

/** Writes in a conversation that is there, or to a contact. */
async function send(scene: Scene, device: Device, count: number): Promise<void> {
  const { random } = scene;
  const contacts = await device.ask("list contacts", (client) => client.contacts());
  const contact = contacts.kind === "done" ? pick(random, contacts.value) : undefined;
  let conversation = random() < 0.5 ? await pickConversation(device, random) : undefined;
  if (conversation === undefined && contact !== undefined) {
    const opened = await device.ask("open a conversation", (client) => client.openDirect(contact.id));
    if (opened.kind === "done") conversation = opened.value;
  }
  if (conversation !== undefined) await write(scene, device, conversation, count);
}

async function write(
  { world }: Scene,
  device: Device,
  { id: conversation }: Pick<ConversationView, "id">,
  count: number,
): Promise<void> {
  const { truth } = world;
  await Promise.all(
    Array.from({ length: count }, async () => {
      const { storage, account } = device;
      const id = newMessageId(world.clock.now());
      const text = `<${account} writes number ${truth.written.size + 1}>`;
      const written = truth.write({ id, text, sender: account, conversation, storage });
      const sent = await device.ask("send", (client) => client.sendText(conversation, text, { id }));
      if (sent.kind === "done") written.isKept = true;
    }),
  );
}

async function ownMessages(
  device: Device,
  random: () => number,
): Promise<{ conversation: ConversationView; own: MessageView[] } | null> {
  const conversation = await pickConversation(device, random);
  if (conversation === undefined) return null;
  const page = await device.ask("read history", (client) => client.history(conversation.id, { limit: 1 + below(random, 60) }));
  if (page.kind !== "done") return null;
  return { conversation, own: page.value.messages.filter(({ mine, kind }) => mine && kind === "text") };
}

async function deleteSome(scene: Scene, device: Device): Promise<void> {
  const { world, random } = scene;
  const found = await ownMessages(device, random);
  if (found === null || found.own.length === 0) return;
  const ids = [...new Set(Array.from({ length: 1 + below(random, 3) }, () => pick(random, found.own)?.id))].filter(
    (id) => id !== undefined,
  );
  const deletions = ids.map((id) => world.truth.delete(id, device.account, device.storage));
  const deleted = await device.ask("delete", (client) => client.deleteMessages(found.conversation.id, ids));
  if (deleted.kind === "done") for (const deletion of deletions) deletion.isKept = true;
}

async function deleteAll(scene: Scene, device: Device): Promise<void> {
  const { world, random } = scene;
  const conversation = await pickConversation(device, random);
  if (conversation === undefined) return;
  // What is written meanwhile, here or elsewhere, may be among them or not; so only what was there before is sure.
  const all = { sender: device.account, conversation: conversation.id, storage: device.storage };
  world.truth.deletingAll.add(all);
  const before = [...world.truth.written.values()].filter((written) => {
    return written.sender === device.account && written.conversation === conversation.id;
  });
  const seen = await device.ask("read history", (client) => client.history(conversation.id, { limit: 200 }));
  const shown = new Set(seen.kind === "done" ? seen.value.messages.map(({ id }) => id) : []);
  const deletions = before.map(({ id }) => ({ id, deletion: world.truth.delete(id, device.account, device.storage) }));
  const deleted = await device.ask("delete all", (client) => client.deleteAllMyMessages(conversation.id));
  if (deleted.kind === "done") for (const { id, deletion } of deletions) if (shown.has(id)) deletion.isKept = true;
  world.truth.deletingAll.delete(all);
}

async function markRead(scene: Scene, device: Device): Promise<void> {
  const { world, random } = scene;
  const conversation = await pickConversation(device, random);
  if (conversation === undefined) return;
  const page = await device.ask("read history", (client) => client.history(conversation.id, { limit: 1 + below(random, 20) }));
  const newest = page.kind === "done" ? page.value.messages.findLast(({ seq }) => seq !== null) : undefined;
  const some = page.kind === "done" && random() < 0.3 ? pick(random, page.value.messages) : newest;
  if (some === undefined || some.seq === null) return;
  const read = world.truth.read(device.account, conversation.id, some.seq, device.storage);
  const marked = await device.ask("mark read", (client) => client.markRead(conversation.id, read.seq));
  if (marked.kind === "done") read.isKept = true;
}

async function addContact({ world, random }: Scene, device: Device): Promise<void> {
  const other = pick(
    random,
    world.accounts.filter(({ name }) => name !== device.account),
  );
  if (other === undefined) return;
  await device.ask("add a contact", (client) => client.addContact({ email: other.email }), "contact-unknown");
}

async function removeContact({ random }: Scene, device: Device): Promise<void> {
  const contacts = await device.ask("list contacts", (client) => client.contacts());
  const contact = contacts.kind === "done" ? pick(random, contacts.value) : undefined;
  if (contact !== undefined) await device.ask("remove a contact", (client) => client.removeContact(contact.id));
}

async function answerRequest({ random }: Scene, device: Device): Promise<void> {
  const found = await device.ask("list conversations", (client) => client.conversations());
  const request =
    found.kind === "done" ? found.value.find(({ state, kind }) => state === "request" && kind === "direct") : undefined;
  const action = random() < 0.8 ? "accept" : random() < 0.5 ? "ignore" : "block";
  if (request !== undefined) await device.ask(action, (client) => client.answerRequest(request.id, action));
}

async function blockOrUnblock({ random }: Scene, device: Device): Promise<void> {
  const blocked = await device.ask("list blocked", (client) => client.blocked());
  const someone = blocked.kind === "done" ? pick(random, blocked.value) : undefined;
  if (someone !== undefined) {
    await device.ask("unblock", (client) => client.unblock(someone.id));
    return;
  }
  const conversation = await pickConversation(device, random);
  const peer = conversation?.peer;
  if (peer != null && random() < 0.5) await device.ask("block", (client) => client.block(peer.id));
}

/** Two who have never written to each other do so at once. */
const startTogether: Step = async (scene) => {
  const { world, random } = scene;
  const first = pickRunning(scene);
  const second = pick(
    random,
    world.devices.filter((device) => device.isRunning && device.account !== first?.account),
  );
  if (first === undefined || second === undefined) return;
  const begin = async (device: Device, other: Device) => {
    await device.ask(
      "add a contact",
      (client) => client.addContact({ email: world.accountOf(other.account).email }),
      "contact-unknown",
    );
    const contacts = await device.ask("list contacts", (client) => client.contacts());
    const contact = contacts.kind === "done" ? contacts.value.find(({ nickname }) => nickname === other.account) : undefined;
    if (contact === undefined) return;
    const opened = await device.ask("open a conversation", (client) => client.openDirect(contact.id));
    if (opened.kind === "done") await write(scene, device, opened.value, 2);
  };
  scene.start(() => Promise.all([begin(first, second), begin(second, first)]));
};

const newDevice: Step = async (scene) => {
  const { world, random, maxDevices } = scene;
  const account = pick(
    random,
    world.accounts.filter(({ devices }) => devices.length > 0 && devices.length < maxDevices),
  );
  if (account === undefined) return;
  const device = world.addDevice(account);
  await device.open();
  scene.start(() => signIn(scene, account, device));
};

const loseStorage: Step = async ({ world, random }) => {
  const device = pick(random, world.devices);
  if (device === undefined) return;
  const account = world.accountOf(device.account);
  device.lose();
  account.devices = account.devices.filter((other) => other !== device);
};

const crash: Step = async (scene) => {
  const device = pickRunning(scene);
  const { random } = scene;
  device?.life?.endAfter(1 + below(random, 30), random() < 0.5);
};

const reopen: Step = async ({ world, random }) => {
  const device = pick(
    random,
    world.devices.filter((candidate) => !candidate.isRunning),
  );
  await device?.open();
};

const network: Step = async (scene) => {
  const link = pickRunning(scene)?.link;
  if (link?.isUp === false) link.restore();
  else link?.cut(scene.random() < 0.3);
};

const restartServer: Step = async ({ world, random, start }) => {
  if (world.serverUrl === null) return world.startServer();
  if (random() < 0.5) start(async () => world.serverUrl === null || world.stopServer());
};

async function changeSecrets(scene: Scene, device: Device): Promise<void> {
  const { world, random } = scene;
  const account: Account = world.accountOf(device.account);
  const [password] = account.passwords;
  if (password === undefined) return;
  if (random() < 0.5) {
    const next = `another password of ${account.name}, number ${account.passwords.length + 1}`;
    account.passwords = [next, ...account.passwords];
    const input = { currentPassword: password, newPassword: next };
    const changed = await device.ask(
      "change the password",
      (client) => client.changePassword(input),
      "wrong-password",
      "version-conflict",
    );
    // Refused for good: the old one is the one to try first.
    if (changed.kind === "refused" && changed.code === "wrong-password")
      account.passwords = [...account.passwords.slice(1), next];
    return;
  }
  const prepared = await device.ask(
    "prepare a recovery key",
    (client) => client.prepareRecoveryKey({ password }),
    "wrong-password",
  );
  if (prepared.kind !== "done") return;
  account.recoveryKeys = [prepared.value.base32, ...account.recoveryKeys];
  await device.ask(
    "confirm the recovery key",
    (client) => client.confirmRecoveryKey(),
    "no-recovery-key-prepared",
    "wrong-password",
  );
}

async function logOutAndIn(scene: Scene, device: Device): Promise<void> {
  const out = await device.ask("log out", (client) => client.logOut({ force: scene.random() < 0.5 }));
  if (out.kind === "done") await signIn(scene, scene.world.accountOf(device.account), device);
}

/** Weeks pass: epochs get too old, and at the next log-in the encryption key, too. */
const passTime: Step = async (scene) => {
  const { world, random } = scene;
  await scene.quiet();
  world.clock.jump((random() < 0.5 ? 8 : 31) * 24 * 3600_000);
  await newDevice(scene);
};

export const of = (step: (scene: Scene, device: Device) => Promise<void>): Step => {
  return async (scene) => {
    const device = pickRunning(scene);
    if (device !== undefined) scene.start(() => step(scene, device));
  };
};

/** With how often each is chosen. */
export const steps: readonly (readonly [name: string, weight: number, step: Step])[] = [
  ["send", 24, of((scene, device) => send(scene, device, 1))],
  ["burst", 6, of((scene, device) => send(scene, device, 3 + below(scene.random, 25)))],
  ["mark-read", 10, of(markRead)],
  ["delete", 5, of(deleteSome)],
  ["delete-all", 1, of(deleteAll)],
  ["add-contact", 6, of(addContact)],
  ["remove-contact", 1, of(removeContact)],
  ["answer-request", 6, of(answerRequest)],
  ["block", 1, of(blockOrUnblock)],
  [
    "mute",
    1,
    of(async ({ random }, device) => {
      const conversation = await pickConversation(device, random);
      if (conversation !== undefined) await device.ask("mute", (client) => client.setMuted(conversation.id, random() < 0.5));
    }),
  ],
  ["start-together", 3, startTogether],
  ["new-device", 4, newDevice],
  ["lose-storage", 2, loseStorage],
  ["crash", 6, crash],
  ["reopen", 8, reopen],
  ["network", 8, network],
  ["server", 3, restartServer],
  ["secrets", 1, of(changeSecrets)],
  ["log-out", 1, of(logOutAndIn)],
  ["time", 1, passTime],
  ["quiet", 2, (scene) => scene.quiet()],
];
