// Two real clients of the SDK in a process of their own, who are each other's contacts: one sends files, the other opens them.
// Started by Children.startPeer; does one thing at a time, as it is told.
import type { Argon2id } from "@cychat/crypto";
import type { ConversationId, MessageId } from "@cychat/protocol";
import type { ChatClient } from "@cychat/sdk";
import { createClient } from "@cychat/sdk/bun";

export type FileRequest =
  | { readonly kind: "meet"; readonly url: string; readonly stores: readonly [string, string] | null }
  /** From the picked file to the other side's screen. */
  | { readonly kind: "send"; readonly path: string }
  /** Whole and verified; with `piece`, read front to back in pieces of so many bytes, none of which is kept. */
  | { readonly kind: "open"; readonly message: MessageId; readonly piece: number | null }
  | { readonly kind: "delete"; readonly message: MessageId };

export type FileReply =
  | { readonly conversation: ConversationId; readonly tokens: readonly string[] }
  | { readonly message: MessageId; readonly wallMs: number; readonly cpuMs: number }
  | { readonly bytes: number; readonly wallMs: number; readonly cpuMs: number }
  | { readonly deleted: true }
  | { readonly refused: string };

const patienceMs = 120_000;

/** Argon2id is no part of what is measured here. */
const quickArgon2id: Argon2id = async (password, salt) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array([...new TextEncoder().encode(password), 0, ...salt])));

interface Meeting {
  readonly sender: ChatClient;
  readonly receiver: ChatClient;
  readonly conversation: ConversationId;
}

let meeting: Meeting | null = null;

function met(): Meeting {
  if (meeting === null) throw new Error("nobody has met yet");
  return meeting;
}

/** Resolves with what `look` finds, asked now and after every event. */
async function until<T>(client: ChatClient, what: string, look: () => Promise<T | undefined>): Promise<T> {
  const found = Promise.withResolvers<T>();
  const ask = () => void look().then((it) => it !== undefined && found.resolve(it), found.reject);
  const stop = client.subscribe(ask);
  const timer = setTimeout(() => found.reject(new Error(`waited in vain for ${what}`)), patienceMs);
  ask();
  try {
    return await found.promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** Tokens are what curl needs, and the client keeps them to itself: they are read off its requests. */
function watchingTokens(tokens: Set<string>) {
  return (url: string, init: RequestInit) => {
    const given = new Headers(init.headers).get("authorization");
    if (given !== null) tokens.add(given.slice("Bearer ".length));
    return fetch(url, init);
  };
}

async function meet(url: string, stores: readonly [string, string] | null): Promise<FileReply> {
  const tokens = [new Set<string>(), new Set<string>()] as const;
  const [sender, receiver] = await Promise.all(
    (["sender", "receiver"] as const).map(async (name, index) => {
      const client = await createClient({
        url,
        ...(stores === null ? {} : { store: stores[index] as string }),
        environment: { argon2id: quickArgon2id, fetch: watchingTokens(tokens[index] as Set<string>) },
        report: (error) => console.error(error),
      });
      await client.register({ nickname: name, email: `${name}@bench.example`, password: `a password of ${name}` });
      await until(client, "the connection", async () => ((await client.connection()).status === "online" ? true : undefined));
      return client;
    }),
  );
  if (sender === undefined || receiver === undefined) throw new Error("somebody did not come");
  await receiver.addContact({ email: "sender@bench.example" });
  const contact = await sender.addContact({ email: "receiver@bench.example" });
  const { id: conversation } = await sender.openDirect(contact.id);
  const { id } = await sender.sendText(conversation, "hello");
  await arrived(receiver, conversation, id);
  meeting = { sender, receiver, conversation };
  return { conversation, tokens: tokens.map((each) => [...each].at(-1) ?? "") };
}

function arrived(receiver: ChatClient, conversation: ConversationId, id: MessageId): Promise<true> {
  return until(receiver, "a message", async () => {
    if (!(await receiver.conversations()).some((each) => each.id === conversation)) return undefined;
    const { messages } = await receiver.history(conversation);
    return messages.some((message) => message.id === id) ? true : undefined;
  });
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; wallMs: number; cpuMs: number }> {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const result = await work();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  return { result, wallMs, cpuMs: (user + system) / 1000 };
}

async function send(path: string): Promise<FileReply> {
  const { sender, receiver, conversation } = met();
  const { result, ...times } = await timed(async () => {
    const { id } = await sender.sendFiles(conversation, [{ name: "file", type: "", blob: Bun.file(path) }]);
    await arrived(receiver, conversation, id);
    return id;
  });
  return { message: result, ...times };
}

async function open(message: MessageId, piece: number | null): Promise<FileReply> {
  const { receiver, conversation } = met();
  const { result, ...times } = await timed(async () => {
    if (piece === null) return (await receiver.openFile(conversation, message, 0)).size;
    let bytes = 0;
    for (;;) {
      const options = { from: bytes, to: bytes + piece, reader: "pass" };
      const { length } = await receiver.readFile(conversation, message, 0, options);
      if (length === 0) return bytes;
      bytes += length;
    }
  });
  return { bytes: result, ...times };
}

async function answer(request: FileRequest): Promise<FileReply> {
  switch (request.kind) {
    case "meet":
      return meet(request.url, request.stores);
    case "send":
      return send(request.path);
    case "open":
      return open(request.message, request.piece);
    case "delete":
      await met().sender.deleteMessages(met().conversation, [request.message]);
      return { deleted: true };
  }
}

process.on("message", (request: FileRequest) => {
  void answer(request)
    .catch(
      (error: unknown): FileReply => ({ refused: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
    )
    .then((reply) => process.send?.(reply));
});

process.send?.({ ready: true });
