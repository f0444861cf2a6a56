// What those do who run a room: people, roles, settings, links, pins.
import type { ChatClient, RoomMemberView } from "@cychat/sdk";
import type { Device } from "./device.ts";
import {
  answerInvitation,
  askRoom,
  comeInByLink,
  createRoom,
  deleteMessages,
  edit,
  forget,
  isIn,
  joinByName,
  leave,
  markRead,
  pickRoom,
  type RoomAct,
  type RoomConversation,
  retryOrDiscard,
  roomName,
  roomsOf,
  setFlag,
  someMessages,
  withdraw,
  write,
} from "./room-steps.ts";
import { below, of, pick, type Scene, type Step } from "./steps.ts";

type RoomChange = (scene: Scene, device: Device, room: RoomConversation) => Promise<void>;

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Mostly by those who may; now and then by somebody who may not, and is refused. */
async function pickRuled(scene: Scene, device: Device, may: (room: RoomConversation) => boolean) {
  return pickRoom(scene, device, (room) => isIn(room) && (may(room) || scene.random() < 0.1));
}

const moderates = ({ room }: RoomConversation): boolean => room.rights.moderate;

async function pickMember(
  { random }: Scene,
  device: Device,
  room: RoomConversation,
  isWanted: (member: RoomMemberView) => boolean = () => true,
): Promise<RoomMemberView | undefined> {
  const people = await askRoom(device, "look at the people", (client) => client.roomPeople(room.id));
  return people.kind === "done"
    ? pick(
        random,
        people.value.members.filter((one) => !one.isMe && isWanted(one)),
      )
    : undefined;
}

const add: RoomChange = async ({ world, random }, device, room) => {
  const other = pick(
    random,
    world.accounts.filter(({ name }) => name !== device.account),
  );
  const id = world.people.get(other?.name ?? "");
  if (other === undefined) return;
  const who = id !== undefined && random() < 0.3 ? { account: id } : { email: other.email };
  await askRoom(device, "add", (client) => client.addToRoom(room.id, who), "contact-unknown", "contact-exists");
};

const remove: RoomChange = async (scene, device, room) => {
  const ban = scene.random() < 0.35;
  const member = await pickMember(scene, device, room, ({ may }) => may.remove || scene.random() < 0.1);
  if (member !== undefined) await askRoom(device, "remove", (client) => client.removeFromRoom(room.id, member.id, { ban }));
};

/** Of somebody who is no member. */
const banOutsider: RoomChange = async ({ world, random }, device, room) => {
  const id = pick(random, [...world.people.values()]);
  if (id === undefined) return;
  const isMe = world.people.get(device.account) === id;
  if (!isMe) await askRoom(device, "ban", (client) => client.removeFromRoom(room.id, id, { ban: true }));
};

const unban: RoomChange = async ({ random }, device, room) => {
  const people = await askRoom(device, "look at the people", (client) => client.roomPeople(room.id));
  const banned = people.kind === "done" ? pick(random, people.value.banned) : undefined;
  if (banned !== undefined) await askRoom(device, "unban", (client) => client.unban(room.id, banned.id));
};

const setRole: RoomChange = async (scene, device, room) => {
  const member = await pickMember(scene, device, room, ({ may }) => may.roles.length > 0);
  const role = pick(scene.random, member?.may.roles ?? []);
  if (member === undefined || role === undefined) return;
  await askRoom(device, "give a role", (client) => client.setRole(room.id, member.id, role));
};

const handOver: RoomChange = async (scene, device, room) => {
  const member = await pickMember(scene, device, room);
  if (member !== undefined) await askRoom(device, "hand over", (client) => client.handOver(room.id, member.id));
};

const changeSettings: RoomChange = async ({ random }, device, room) => {
  const right = () => (random() < 0.5 ? "member" : "admin");
  const changes = pick(random, [
    { join: pick(random, ["open", "approval", "invitation"] as const) ?? "open" },
    { history: random() < 0.5 ? "shared" : "joined" },
    { post: right() },
    { invite: right(), pin: right() },
    { rename: right() },
    { description: random() < 0.5 ? null : "Everybody may know this." },
  ] as const);
  if (changes === undefined) return;
  await askRoom(device, "change settings", (client) => client.updateRoomSettings(room.id, changes), "room-exists");
};

const rename: RoomChange = async (scene, device, room) => {
  const text = roomName(scene, device.account);
  const changes = scene.random() < 0.6 ? { name: text } : { topic: text };
  // Who came in by a link under "joined" history may not know yet what it is called.
  await askRoom(device, "rename", (client) => client.updateRoom(room.id, changes), "undecryptable");
};

const makeLink: RoomChange = async ({ world, random }, device, room) => {
  const input = { uses: 1 + below(random, 3), expiresInMs: pick(random, [10 * minuteMs, dayMs, 30 * dayMs]) ?? dayMs };
  const made = await askRoom(device, "make a link", (client) => client.createInvite(room.id, input));
  if (made.kind !== "done" || made.value.link === null) return;
  const { link, id } = made.value;
  world.links.push({ url: link, conversation: room.id, invite: id, holders: new Set([device.account]) });
};

const endLink: RoomChange = async ({ random }, device, room) => {
  const invites = await askRoom(device, "list links", (client) => client.invites(room.id));
  const invite = invites.kind === "done" ? pick(random, invites.value) : undefined;
  if (invite !== undefined) await askRoom(device, "end a link", (client) => client.endInvite(room.id, invite.id));
};

const answerAsking: RoomChange = async ({ random }, device, room) => {
  const waiting = await askRoom(device, "look who asks", (client) => client.joinRequests(room.id));
  const found = waiting.kind === "done" ? pick(random, waiting.value) : undefined;
  const action = random() < 0.75 ? "admit" : "decline";
  if (found !== undefined) await askRoom(device, action, (client) => client.answerJoinRequest(room.id, found.person.id, action));
};

const pin: RoomChange = async (scene, device, room) => {
  const isShown = ({ seq, kind }: { seq: number | null; kind: string }) => seq !== null && kind === "text";
  const message = pick(scene.random, await someMessages(scene, device, room, isShown));
  const isPinned = scene.random() < 0.6;
  if (message !== undefined) await askRoom(device, "pin", (client) => client.setPinned(room.id, message.id, isPinned));
};

const deleteRoom: RoomChange = async ({ world }, device, room) => {
  world.truth.ending.add(room.id);
  await askRoom(device, "delete a room", (client: ChatClient) => client.deleteRoom(room.id));
};

const changes: readonly (readonly [weight: number, change: RoomChange, may: (room: RoomConversation) => boolean])[] = [
  [5, add, ({ room }) => room.rights.invite],
  [4, remove, moderates],
  [3, setRole, moderates],
  [3, changeSettings, moderates],
  [2, rename, ({ room }) => room.rights.rename],
  [2, unban, moderates],
  [1, handOver, ({ room }) => room.myRole === "owner"],
  [1, banOutsider, moderates],
];

function by(change: RoomChange, may: (room: RoomConversation) => boolean): Step {
  return of(async (scene, device) => {
    const room = await pickRuled(scene, device, may);
    if (room !== undefined) await change(scene, device, room);
  });
}

/** Two who may both change a room do so at the same moment. */
const twoAtOnce: Step = async (scene) => {
  const { world, random, start } = scene;
  const [device] = world.devices.filter(({ isRunning }) => isRunning).toSorted(() => random() - 0.5);
  const room = device === undefined ? undefined : await pickRoom(scene, device, moderates);
  if (device === undefined || room === undefined) return;
  const others: Device[] = [];
  for (const other of world.devices) {
    if (other === device || !other.isRunning) continue;
    if ((await roomsOf(other, moderates)).some(({ id }) => id === room.id)) others.push(other);
  }
  const both = [device, pick(random, others) ?? device];
  const acts = both.map((one) => ({ one, change: pick(random, changes)?.[1] ?? rename }));
  start(() => Promise.all(acts.map(({ one, change }) => change(scene, one, room))));
};

const act = (what: RoomAct): Step => of(what);

export const roomSteps: readonly (readonly [name: string, weight: number, step: Step])[] = [
  ["room-create", 5, act(createRoom)],
  ["room-join", 6, act(joinByName)],
  ["room-withdraw", 1, act(withdraw)],
  ["room-link", 4, by(makeLink, ({ room }) => room.rights.invite)],
  ["room-come-in", 5, act(comeInByLink)],
  ["room-end-link", 1, by(endLink, ({ room }) => room.rights.invite)],
  ["room-answer", 4, by(answerAsking, ({ room }) => room.joinRequests > 0)],
  ["room-accept", 4, act(answerInvitation)],
  ["room-leave", 2, act(leave)],
  ["room-forget", 1, act(forget)],
  ["room-delete", 1, by(deleteRoom, ({ room }) => room.rights.delete)],
  ["room-pin", 2, by(pin, ({ room }) => room.rights.pin)],
  ["room-send", 14, act(write(() => 1))],
  ["room-burst", 4, act(write(({ random }) => 3 + below(random, 25)))],
  ["room-edit", 4, act(edit)],
  ["room-erase", 4, act(deleteMessages)],
  ["room-retry", 1, act(retryOrDiscard)],
  ["room-read", 5, act(markRead)],
  ["room-flag", 1, act(setFlag)],
  ["room-two", 5, twoAtOnce],
  ...changes.map(([weight, change, may]) => [`room-${change.name}`, weight, by(change, may)] as const),
];
