// Prints one message, encrypted and signed, for `curl` to send:
//   eval "$(bun examples/seal-message.ts URL EMAIL PASSWORD RECEIVER [RECEIVER_PASSWORD] TEXT)"
//   curl "$URL/api/v1/message" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
//     -d "{\"receiver\":\"RECEIVER\",\"content\":\"$ENVELOPE\"}"
// With ROOM=name in the environment it seals the same text for that room of yours, too (`POST /room/message`), and opens the
// room where a script has made it: ROOM_ENVELOPE.
// The envelope is signed by a new device of this account, and the server takes it from that device's session only: that
// is what TOKEN is. Nothing is sent here; the device is not used again, so its first number in the chat stays this
// message's. An account that a bare script registered gets its keys by this; give the receiver's password to open that
// one, too, as nobody can encrypt to an account without keys.
import {
  type ChatClient,
  ClientError,
  type ContactView,
  type ConversationView,
  createClient,
  MemoryStore,
  type WebSocketLike,
} from "@cychat/sdk/bun";

const [url, email, password, receiver, ...rest] = process.argv.slice(2);
const text = rest.at(-1);
if (!url || !email || !password || !receiver || !text || rest.length > 2) {
  console.error("usage: bun examples/seal-message.ts URL EMAIL PASSWORD RECEIVER [RECEIVER_PASSWORD] TEXT");
  process.exit(2);
}

/** A socket that keeps messages instead of sending them, by conversation. */
const sealed = new Map<string, PromiseWithResolvers<string>>();
function sealedIn(conversation: string): PromiseWithResolvers<string> {
  const waiting = sealed.get(conversation) ?? Promise.withResolvers<string>();
  sealed.set(conversation, waiting);
  return waiting;
}
function openSocket(address: string): WebSocketLike {
  const socket = new WebSocket(address);
  const send = socket.send.bind(socket);
  socket.send = (frame) => {
    const { type, conversation, envelope } = JSON.parse(String(frame)) as Record<"type" | "conversation" | "envelope", string>;
    if (type === "send") sealedIn(conversation).resolve(envelope);
    else send(frame);
  };
  return socket as WebSocketLike;
}

/** The receiver as a contact: added now, or as soon as the list of contacts is here. */
async function contactOf(client: ChatClient, address: string): Promise<Pick<ContactView, "id">> {
  try {
    return await client.addContact({ email: address });
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== "contact-exists") throw error;
  }
  return new Promise((resolve) => {
    client.subscribe((event) => {
      const found = event.type === "contacts" ? event.contacts.find(({ email }) => email === address) : undefined;
      if (found !== undefined) resolve(found);
    });
  });
}

/** A room of this account's, once it is here. */
async function roomNamed(client: ChatClient, name: string): Promise<ConversationView> {
  const found = (views: readonly ConversationView[]) =>
    views.find(({ title, room }) => title === name && room?.standing === "member");
  const known = found(await client.conversations());
  if (known !== undefined) return known;
  return new Promise((resolve) => {
    client.subscribe((event) => {
      const room = event.type === "conversations" ? found(event.conversations) : undefined;
      if (room !== undefined) resolve(room);
    });
  });
}

try {
  if (rest.length === 2) {
    const other = await createClient({ url, deviceName: "seal-message" });
    await other.logIn({ email: receiver, password: rest[0] as string });
    await other.logOut();
    await other.close();
  }
  const store = new MemoryStore();
  const client = await createClient({ url, store, deviceName: "seal-message", environment: { openSocket } });
  await client.logIn({ email, password });
  const contact = await contactOf(client, receiver);
  const { id } = await client.openDirect(contact.id);
  await client.sendText(id, text);
  const lines = [`ENVELOPE=${await sealedIn(id).promise}`];
  if (process.env.ROOM) {
    const room = await roomNamed(client, process.env.ROOM);
    await client.sendText(room.id, text);
    lines.push(`ROOM_ENVELOPE=${await sealedIn(room.id).promise}`);
  }
  const tokens = (await store.read({ table: "tokens", group: "", key: "only" })) as { accessToken: string };
  console.log([`TOKEN=${tokens.accessToken}`, ...lines].join("\n"));
  await client.close();
} catch (error) {
  console.error(error instanceof ClientError ? `${error.code}: ${error.message}` : error);
  process.exit(1);
}
process.exit(0);
