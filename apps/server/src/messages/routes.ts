// The seed's two message endpoints.
import { endpoints, type SeedMessage } from "@cychat/protocol";
import type { Chats } from "../chats/service.ts";
import type { Api } from "../http/route.ts";
import { assertEnvelope } from "./read-envelope.ts";
import { type SeedPerson, type SeedView, seedMessage } from "./seed-message.ts";
import { type MessageService, sendOrThrow } from "./service.ts";

export function routeMessages(api: Api, chats: Chats, messages: MessageService): void {
  api.route(endpoints.sendMessage, async ({ principal, body }) => {
    // Told first, whoever it was meant for: a script that sends plaintext learns why this cannot work.
    assertEnvelope(body.content);
    const { conversation } = await chats.directWith(principal.account, body.receiver);
    const { messageId, seq, atMs } = await sendOrThrow(messages, { principal, conversation, envelope: body.content, from: null });
    return { msg_id: messageId, seq, at_ms: atMs, status_code: 201, message: "The message is stored." };
  });

  api.route(endpoints.seedConversation, async ({ principal, query }) => {
    const membership = await chats.directWith(principal.account, query.receiver);
    const { members } = await chats.read(membership);
    const view = seedView(membership.conversation, principal.account, members);
    const entries = await chats.messages(membership, query);
    const result = entries.map(
      ({ id, seq, at_ms: atMs, sender, envelope }): SeedMessage => seedMessage(view, sender, { id, seq, atMs, envelope }),
    );
    return { status_code: 200, result };
  });
}

function seedView(conversation: SeedView["conversation"], self: SeedPerson["id"], members: readonly SeedPerson[]): SeedView {
  return { conversation, self, people: new Map(members.map((person) => [person.id, person])) };
}
