// People in rooms: making one, waiting for what its members see, and how its timeline reads.
import type { AccountId, ConversationId } from "@cychat/protocol";
import type {
  ChatClient,
  ConversationView,
  MessageView,
  NewRoom,
  RoomStanding,
  RoomView,
  Store,
  SystemLine,
} from "@cychat/sdk/bun";
import type { TestServer } from "../../apps/server/src/testing/test-server.ts";
import { until, wholeHistory } from "./people.ts";

export interface Somebody {
  readonly client: ChatClient;
  readonly email: string;
}

export async function idOf({ client }: Pick<Somebody, "client">): Promise<AccountId> {
  const session = await client.session();
  if (session.status !== "ready") throw new Error("Nobody is signed in.");
  return session.profile.id;
}

/** Everybody is everybody's contact: who is added to a room by somebody of them is in it at once. */
export async function introduce(...people: readonly Somebody[]): Promise<void> {
  for (const person of people) {
    for (const other of people) if (other !== person) await person.client.addContact({ email: other.email });
  }
}

const plain = { name: "The garden", join: "invitation", history: "shared" } as const;

/** A room that `owner` makes, once all of `people` are in and have its key. */
export async function makeRoom(
  owner: Somebody,
  people: readonly Somebody[] = [],
  options: Partial<NewRoom> = {},
): Promise<ConversationId> {
  const { id } = await owner.client.createRoom({ ...plain, people: await Promise.all(people.map(idOf)), ...options });
  for (const person of people) await stands(person, id, "member");
  return id;
}

/** Undefined while it is not listed. */
export async function lookAt({ client }: Pick<Somebody, "client">, room: ConversationId): Promise<ConversationView | undefined> {
  return (await client.conversations()).find(({ id }) => id === room);
}

export async function viewOf(person: Pick<Somebody, "client">, room: ConversationId): Promise<ConversationView> {
  const found = await lookAt(person, room);
  if (found === undefined) throw new Error("There is no such conversation.");
  return found;
}

export async function roomOf(person: Pick<Somebody, "client">, room: ConversationId): Promise<RoomView> {
  const { room: view } = await viewOf(person, room);
  if (view === null) throw new Error("This is no room.");
  return view;
}

export function stands(person: Pick<Somebody, "client">, room: ConversationId, standing: RoomStanding): Promise<RoomView> {
  return sees(person, room, (view) => view.standing === standing);
}

/** The room as somebody sees it, once `condition` holds of it. */
export function sees(
  person: Pick<Somebody, "client">,
  room: ConversationId,
  condition: (view: RoomView, conversation: ConversationView) => boolean,
): Promise<RoomView> {
  return until(
    person.client,
    async () => {
      const conversation = await lookAt(person, room);
      return conversation?.room != null && condition(conversation.room, conversation) && conversation.room;
    },
    patienceMs,
  );
}

/** Only a failing test waits as long. */
const patienceMs = 20_000;

/** What people wrote, as it is shown; what is deleted or cannot be read is `-` and `?`. */
export async function talk({ client }: Pick<Somebody, "client">, room: ConversationId): Promise<string[]> {
  const marks: Partial<Record<MessageView["kind"], string>> = { deleted: "-", unreadable: "?", unknown: "unknown" };
  const messages = (await wholeHistory(client, room)).filter(({ kind }) => kind !== "system");
  return messages.map(({ kind, text }) => marks[kind] ?? text);
}

/** Waits until exactly this is what people wrote. */
export async function reads(
  person: Pick<Somebody, "client">,
  room: ConversationId,
  ...texts: readonly string[]
): Promise<readonly string[]> {
  let shown: readonly string[] = [];
  const look = async () => {
    if ((await lookAt(person, room)) === undefined) return null;
    shown = await talk(person, room);
    return shown.join("\n") === texts.join("\n") && shown;
  };
  return until(person.client, look, patienceMs).catch(() => {
    throw new Error(`shows ${JSON.stringify(shown)} and not ${JSON.stringify(texts)}`);
  });
}

/** Sends, and waits until the server has it. */
export async function write(
  { client }: Pick<Somebody, "client">,
  room: ConversationId,
  text: string,
  mentions: readonly (AccountId | "all")[] = [],
): Promise<MessageView> {
  const { id } = await client.sendText(room, text, { mentions });
  return messageIn({ client }, room, (message) => message.id === id && message.seq !== null);
}

/** The message for which `condition` holds, once there is one. */
export function messageIn(
  { client }: Pick<Somebody, "client">,
  room: ConversationId,
  condition: (message: MessageView) => boolean,
): Promise<MessageView> {
  return until(
    client,
    async () => {
      if ((await lookAt({ client }, room)) === undefined) return null;
      return (await wholeHistory(client, room)).find(condition);
    },
    patienceMs,
  );
}

/** The system lines of a room, in short, e.g. `alice removed bob`. */
export async function lines({ client }: Pick<Somebody, "client">, room: ConversationId): Promise<string[]> {
  return (await wholeHistory(client, room)).flatMap(({ system }) => system.map(inShort));
}

export function tells(person: Pick<Somebody, "client">, room: ConversationId, line: string): Promise<string> {
  return until(person.client, async () => (await lines(person, room)).find((told) => told === line), patienceMs);
}

function inShort(line: SystemLine): string {
  const { actor, kind } = line;
  const what = kind === "role" ? `made ${line.role}${line.succeeded ? " (succeeds)" : ""}` : kind;
  const how = kind === "joined" ? ` (${line.by})` : kind === "history" ? ` ${line.history}` : "";
  return "who" in line ? `${actor.nickname} ${what} ${line.who.nickname}${how}` : `${actor.nickname} ${what}${how}`;
}

/** Nothing wrong is shown anywhere in the room. */
export async function problemsIn({ client }: Pick<Somebody, "client">, room: ConversationId): Promise<string[]> {
  const { problem } = await viewOf({ client }, room);
  const shown = (await wholeHistory(client, room)).map((message) => message.problem);
  return [problem, ...shown].flatMap((wrong) => (wrong === null ? [] : [wrong.code]));
}

/** Members as somebody's client lists them, e.g. `alice owner`. */
export async function people({ client }: Pick<Somebody, "client">, room: ConversationId): Promise<string[]> {
  const { members } = await client.roomPeople(room);
  return members.map(({ nickname, role }) => `${nickname} ${role}`);
}

/** The open epoch, as the server counts it. */
export async function epochOf({ core }: TestServer, room: ConversationId): Promise<number> {
  const { epoch } = await core.db.selectFrom("conversations").select("epoch").where("id", "=", room).executeTakeFirstOrThrow();
  return epoch;
}

export async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  return (error as { code?: string } | null)?.code ?? `not refused (${error})`;
}

/** Calls endpoints as a script does that has an account's token and none of its keys. */
export function scriptOf(server: TestServer, { store }: { readonly store: Store }) {
  return async (method: string, below: string, body?: unknown) => {
    const { accessToken } = (await store.read({ table: "tokens", group: "", key: "only" })) as { accessToken: string };
    const headers = { "content-type": "application/json", authorization: `Bearer ${accessToken}` };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${server.url}/api/v1${below}`, { method, headers, ...sent });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
}

/** For what nobody's client is told of: looks again and again until it is so. */
export async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const givesUpAt = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > givesUpAt) throw new Error(`It did not come true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
