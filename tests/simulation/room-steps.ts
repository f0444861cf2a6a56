// What people do in rooms as members and newcomers. What those do who run a room: room-change-steps.ts.
import { type AccountId, newMessageId } from "@cychat/protocol";
import type { ChatClient, ConversationView, MessageView, RoomView } from "@cychat/sdk";
import type { Device, Outcome } from "./device.ts";
import { below, pick, type Scene } from "./steps.ts";

export type RoomConversation = ConversationView & { readonly room: RoomView };
export type RoomAct = (scene: Scene, device: Device) => Promise<void>;

/** So few that everybody meets. */
const maxRooms = 4;

/** What anything in a room may be refused for when others change it at the same moment. */
const races = [
  ...["not-allowed", "record-conflict", "room-deleted", "not-a-member", "already-member", "room-joined", "banned"],
  ...["invite-ended", "version-conflict"],
] as const;

export async function roomsOf(device: Device, isWanted: (view: RoomConversation) => boolean = isIn): Promise<RoomConversation[]> {
  const found = await device.ask("list rooms", (client) => client.conversations());
  const isRoom = (view: ConversationView): view is RoomConversation => view.room !== null;
  return found.kind === "done" ? found.value.filter(isRoom).filter(isWanted) : [];
}

export const isIn = ({ state }: ConversationView): boolean => state === "active" || state === "request";

export async function pickRoom({ random }: Scene, device: Device, isWanted?: (view: RoomConversation) => boolean) {
  return pick(random, await roomsOf(device, isWanted));
}

/** A question about a room, refused at most for what others did meanwhile. */
export function askRoom<T>(
  device: Device,
  what: string,
  question: (client: ChatClient) => Promise<T>,
  ...excused: readonly string[]
): Promise<Outcome<T>> {
  return device.ask(what, question, ...races, ...excused);
}

/** No two are ever alike. */
export function roomName({ world }: Scene, account: string): string {
  const name = `Room ${world.truth.roomTexts.size + 1} of ${account}`;
  world.truth.roomTexts.add(name);
  return name;
}

export const createRoom: RoomAct = async (scene, device) => {
  const { world, random } = scene;
  if (world.ledgers.size >= maxRooms && random() < 0.8) return;
  const contacts = await device.ask("list contacts", (client) => client.contacts());
  const people = contacts.kind === "done" ? contacts.value.filter(({ hasKeys }) => hasKeys && random() < 0.6) : [];
  const name = roomName(scene, device.account);
  const topic = random() < 0.5 ? roomName(scene, device.account) : "";
  const join = pick(random, ["open", "open", "approval", "invitation"] as const) ?? "open";
  const history = random() < 0.65 ? "shared" : "joined";
  await askRoom(
    device,
    "create a room",
    (client) => client.createRoom({ name, topic, join, history, people: people.map(({ id }) => id) }),
    "room-exists",
    "seal-missing",
  );
};

export const joinByName: RoomAct = async (scene, device) => {
  const { random } = scene;
  const found = await device.ask("find rooms", (client) => client.findRooms("room"));
  if (found.kind !== "done") return;
  const others = found.value.filter(({ isMember, isPending }) => random() < 0.1 || !(isMember || isPending));
  const room = pick(random, others);
  if (room === undefined) return;
  await askRoom(device, "join a room", (client) => client.joinRoom(room.handle), "room-unknown", "malformed-structure");
};

export const withdraw: RoomAct = async (scene, device) => {
  const room = await pickRoom(scene, device, ({ state }) => state === "pending");
  if (room !== undefined) await askRoom(device, "withdraw", (client) => client.withdrawJoin(room.id));
};

/** A link that somebody else has passed on. */
export const comeInByLink: RoomAct = async ({ world, random }, device) => {
  const link = pick(random, world.links);
  if (link === undefined) return;
  link.holders.add(device.account);
  if (random() < 0.3) await askRoom(device, "look through a link", (client) => client.openInvite(link.url));
  if (random() < 0.9) await askRoom(device, "come in by a link", (client) => client.joinByInvite(link.url));
};

export const leave: RoomAct = async (scene, device) => {
  const room = await pickRoom(scene, device);
  if (room === undefined) return;
  scene.world.truth.ending.add(room.id);
  await askRoom(device, "leave", (client) => client.leaveRoom(room.id));
};

export const forget: RoomAct = async (scene, device) => {
  const room = await pickRoom(scene, device, ({ state }) => state === "former");
  if (room !== undefined) await askRoom(device, "forget", (client) => client.forgetRoom(room.id));
};

export const answerInvitation: RoomAct = async (scene, device) => {
  const room = await pickRoom(scene, device, ({ state }) => state === "request");
  const action = scene.random() < 0.8 ? "accept" : "ignore";
  if (room !== undefined) await askRoom(device, action, (client) => client.answerRequest(room.id, action));
};

export function write(count: (scene: Scene) => number): RoomAct {
  return async (scene, device) => {
    const { random } = scene;
    const room = await pickRoom(scene, device);
    if (room === undefined) return;
    const mentions = random() < 0.3 ? await someMentions(scene, device, room) : [];
    await Promise.all(Array.from({ length: count(scene) }, () => writeOne(scene, device, room, mentions)));
  };
}

async function writeOne({ world }: Scene, device: Device, room: RoomConversation, mentions: readonly (AccountId | "all")[]) {
  const { truth } = world;
  const id = newMessageId(world.clock.now());
  const text = `<${device.account} writes number ${truth.written.size + 1}>`;
  const { account: sender, storage } = device;
  const written = truth.write({ id, text, sender, conversation: room.id, storage });
  const sent = await askRoom(device, "send", (client) => client.sendText(room.id, text, { id, mentions }));
  if (sent.kind === "done") written.isKept = true;
}

async function someMentions({ random }: Scene, device: Device, room: RoomConversation): Promise<(AccountId | "all")[]> {
  const people = await askRoom(device, "look at the people", (client) => client.roomPeople(room.id));
  if (people.kind !== "done") return [];
  const named = people.value.members.filter(() => random() < 0.5).map(({ id }) => id);
  return random() < 0.3 ? [...named, "all"] : named;
}

/** Messages that this device shows, and that the device may do something with. */
export async function someMessages(
  { random }: Scene,
  device: Device,
  room: ConversationView,
  isWanted: (view: MessageView) => boolean,
): Promise<MessageView[]> {
  const page = await askRoom(device, "read history", (client) => client.history(room.id, { limit: 1 + below(random, 60) }));
  return page.kind === "done" ? page.value.messages.filter(isWanted) : [];
}

/** Also in direct chats. */
export const edit: RoomAct = async (scene, device) => {
  const { world, random } = scene;
  const all = await device.ask("list conversations", (client) => client.conversations());
  const conversation = all.kind === "done" ? pick(random, all.value.filter(isIn)) : undefined;
  if (conversation === undefined) return;
  const isOwn = ({ mine, kind, seq }: MessageView) => mine && kind === "text" && seq !== null;
  const message = pick(random, await someMessages(scene, device, conversation, isOwn));
  if (message === undefined) return;
  const edits = world.truth.written.get(message.id)?.edits.length ?? 0;
  const text = `<${device.account} changes ${message.id} to number ${edits + 1}>`;
  const edited = world.truth.edit(message.id, device.account, device.storage, text);
  const done = await askRoom(device, "edit", (client) => client.editText(conversation.id, message.id, text));
  if (done.kind === "done") edited.isKept = true;
};

/** Own ones; who moderates the room, anybody's. */
export const deleteMessages: RoomAct = async (scene, device) => {
  const { world, random } = scene;
  const room = await pickRoom(scene, device);
  if (room === undefined) return;
  const isOwn = ({ kind, mine }: MessageView) => kind === "text" && (mine || (room.room.rights.moderate && random() < 0.7));
  const found = await someMessages(scene, device, room, isOwn);
  const ids = [...new Set(Array.from({ length: 1 + below(random, 3) }, () => pick(random, found)?.id))].filter(
    (id) => id !== undefined,
  );
  if (ids.length === 0) return;
  const deletions = ids.map((id) => world.truth.delete(id, device.account, device.storage));
  const deleted = await askRoom(device, "delete", (client) => client.deleteMessages(room.id, ids), "not-yours");
  if (deleted.kind === "done") for (const deletion of deletions) deletion.isKept = true;
};

/** What was refused for want of a right, once more or not at all. */
export const retryOrDiscard: RoomAct = async (scene, device) => {
  const room = await pickRoom(scene, device);
  if (room === undefined) return;
  const refused = pick(scene.random, await someMessages(scene, device, room, ({ state }) => state === "failed"));
  if (refused === undefined) return;
  if (scene.random() < 0.5) {
    await askRoom(device, "retry", (client) => client.retry(refused.id));
    return;
  }
  scene.world.truth.delete(refused.id, device.account, device.storage);
  await askRoom(device, "discard", (client) => client.discard(refused.id));
};

export const markRead: RoomAct = async (scene, device) => {
  const room = await pickRoom(scene, device);
  if (room === undefined) return;
  const newest = (await someMessages(scene, device, room, ({ seq }) => seq !== null)).at(-1);
  if (newest === undefined || newest.seq === null) return;
  const read = scene.world.truth.read(device.account, room.id, newest.seq, device.storage);
  const marked = await askRoom(device, "mark read", (client) => client.markRead(room.id, read.seq));
  if (marked.kind === "done") read.isKept = true;
};

export const setFlag: RoomAct = async (scene, device) => {
  const { random } = scene;
  const room = await pickRoom(scene, device);
  if (room === undefined) return;
  const on = random() < 0.5;
  const flag = pick(random, ["setMuted", "setArchived", "setFavourite"] as const) ?? "setMuted";
  await askRoom(device, flag, (client) => client[flag](room.id, on));
};
