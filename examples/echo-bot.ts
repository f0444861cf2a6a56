// A bot that answers everybody who writes to it, end-to-end encrypted like everything else:
//   bun examples/echo-bot.ts http://localhost:8000 bot@example.org 'a long password'
// Its keys and messages are in echo-bot.db and echo-bot.db.key; with them it starts again without the password.
import { type ChatEvent, ClientError, createClient } from "@cychat/sdk/bun";

const [url = "http://localhost:8000", email = "", password = ""] = process.argv.slice(2);
const client = await createClient({ url, store: process.env.BOT_STORE ?? "echo-bot.db", deviceName: "Echo bot" });

async function signIn() {
  if ((await client.session()).status === "ready") return;
  try {
    await client.logIn({ email, password });
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== "wrong-credentials") throw error;
    await client.register({ nickname: "Echo bot", email, password });
  }
}

async function answer(event: ChatEvent) {
  if (event.type !== "conversations") return;
  for (const { id, state, unread, readSeq } of event.conversations) {
    if (state === "request") await client.answerRequest(id, "accept");
    else if (unread > 0) {
      const { messages } = await client.history(id, { limit: Math.min(200, unread + 20) });
      const isNew = messages.filter((message) => !message.mine && message.kind === "text" && (message.seq ?? 0) > readSeq);
      for (const message of isNew) await client.sendText(id, `You said: ${message.text}`);
      await client.markRead(id, Math.max(readSeq, ...messages.map((message) => message.seq ?? 0)));
    }
  }
}

let turn: Promise<unknown> = signIn();
client.subscribe((event) => {
  turn = turn
    .then(() => answer(event))
    .catch((error: unknown) => console.error(error instanceof ClientError ? error.code : error));
});
await turn;
console.log("The echo bot is listening.");
