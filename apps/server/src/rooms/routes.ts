import { endpoints } from "@cychat/protocol";
import type { Chats } from "../chats/service.ts";
import type { Api } from "../http/route.ts";
import { assertEnvelope, type MessageService, seedMessage, sendOrThrow } from "../messages/service.ts";
import type { RoomService } from "./service.ts";

const done = (message: string, status_code = 200) => ({ status_code, message });

export function routeRooms(api: Api, rooms: RoomService, chats: Chats, messages: MessageService): void {
  routeSeed(api, rooms, chats, messages);
  routePeople(api, rooms);
  routeRequests(api, rooms);
  routeInvites(api, rooms);
}

function routeSeed(api: Api, rooms: RoomService, chats: Chats, messages: MessageService): void {
  api.route(endpoints.seedRoom, async ({ principal, body }) => {
    const { join, room_name, description } = body;
    if (join === 1) {
      const room = await rooms.joinByName(principal.account, room_name);
      return { room, ...done("You have asked to be let in; your client with keys goes on from here.") };
    }
    const room = await rooms.make(principal.account, room_name, description);
    return { room, ...done("The name is yours; your first client with keys opens the room.") };
  });
  api.route(endpoints.rooms, async ({ principal, query }) => ({
    status_code: 200,
    result: await rooms.find(principal.account, query.search),
  }));
  api.route(endpoints.seedRoomMessage, async ({ principal, body }) => {
    assertEnvelope(body.content);
    const conversation = await rooms.ownRoom(principal.account, body.room);
    const request = { principal, conversation, envelope: body.content, from: null };
    const { messageId, seq, atMs } = await sendOrThrow(messages, request);
    return { msg_id: messageId, seq, at_ms: atMs, ...done("The message is stored.", 201) };
  });
  api.route(endpoints.seedRoomConversation, async ({ principal, query }) => {
    const view = await rooms.seedView(principal.account, query.room);
    const entries = await chats.messages(await chats.current(principal.account, view.conversation), query);
    const result = entries.map(({ id, seq, at_ms: atMs, sender, envelope }) =>
      seedMessage(view, sender, { id, seq, atMs, envelope }),
    );
    return { status_code: 200, result };
  });
}

function routePeople(api: Api, rooms: RoomService): void {
  api.route(endpoints.roomMembers, ({ principal, params }) => rooms.members(principal.account, params.id));
  api.route(endpoints.memberKeys, ({ principal, params, query }) =>
    rooms.memberKeys(principal.account, params.id, query.since_ms),
  );
  api.route(endpoints.people, async ({ principal, body }) => ({ people: await rooms.people(principal.account, body.accounts) }));
  api.route(endpoints.roomProfile, async ({ principal, params }) => ({
    profile: await rooms.profile(principal.account, params.id),
  }));
  api.route(endpoints.liveEpochs, async ({ principal, params }) => ({
    epochs: await rooms.liveEpochs(principal.account, params.id),
  }));
  api.route(endpoints.forgetConversation, async ({ principal, params }) => {
    await rooms.forget(principal.account, params.id);
    return done("The room is off your list.");
  });
}

function routeRequests(api: Api, rooms: RoomService): void {
  api.route(endpoints.requestJoin, async ({ principal, params, body }) => {
    await rooms.requestJoin(principal, params.id, body.request);
    return done("You have asked to be let in.", 201);
  });
  api.route(endpoints.withdrawJoin, async ({ principal, params }) => {
    await rooms.withdrawJoin(principal.account, params.id);
    return done("You do not wait any more.");
  });
  api.route(endpoints.joinRequests, async ({ principal, params }) => ({
    requests: await rooms.joinRequests(principal.account, params.id),
  }));
  api.route(endpoints.declineJoin, async ({ principal, params }) => {
    await rooms.declineJoin(principal.account, params.id, params.account);
    return done("Turned away.");
  });
  api.route(endpoints.requestSeals, async ({ principal, params, body }) => {
    await rooms.requestSeals(principal, params.id, body.request);
    return done("The other members are asked.", 201);
  });
  api.route(endpoints.putLetter, async ({ principal, params, body }) => {
    await rooms.putLetter(principal.account, params.id, body);
    return done("The letter is kept for its recipient.", 201);
  });
  api.route(endpoints.leaseRotation, async ({ principal, params }) => {
    const { granted, retryAfterMs } = await rooms.leaseRotation(principal, params.id);
    return { granted, retry_after_ms: retryAfterMs };
  });
}

function routeInvites(api: Api, rooms: RoomService): void {
  api.route(endpoints.openInvite, ({ principal, params, body }) => rooms.openInvite(principal.account, params.invite, body));
  api.route(endpoints.inviteRecords, async ({ principal, params, body: { from, ...proof } }) => ({
    records: await rooms.inviteRecords(principal.account, params.invite, proof, from),
  }));
}
