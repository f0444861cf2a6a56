import { endpoints } from "@cychat/protocol";
import type { Api } from "../http/route.ts";
import type { Chats } from "./service.ts";

const ok = { status_code: 200, message: "Done." };

export function routeChats(api: Api, chats: Chats): void {
  api.route(endpoints.conversations, async ({ principal, query }) => {
    const { conversations, asOfMs } = await chats.list(principal.account, {
      changedSinceMs: query.changed_since_ms,
      state: query.state,
    });
    return { conversations, as_of_ms: asOfMs };
  });

  api.route(endpoints.conversation, async ({ principal, params }) =>
    chats.read(await chats.member(principal.account, params.id)),
  );

  api.route(endpoints.entries, async ({ principal, params, query }) => {
    const { entries, lastSeq } = await chats.entries(await chats.member(principal.account, params.id), query);
    return { entries, last_seq: lastSeq };
  });

  api.route(endpoints.records, async ({ principal, params, query }) => ({
    records: await chats.records(await chats.member(principal.account, params.id), query.from),
  }));

  api.route(endpoints.addRecord, async ({ principal, params, body }) => {
    const { seq, index, at_ms } = (await chats.addRecord(principal, params.id, body)).entry;
    return { seq, index, at_ms, status_code: 201, message: "The record is stored." };
  });

  api.route(endpoints.seals, async ({ principal, params }) => {
    const membership = await chats.member(principal.account, params.id);
    return { seals: await chats.seals(membership), letters: await chats.letters(membership) };
  });

  api.route(endpoints.keyring, async ({ principal, params }) => ({
    keyring: await chats.keyring(await chats.member(principal.account, params.id)),
  }));

  api.route(endpoints.putKeyring, async ({ principal, params, body }) => {
    await chats.putKeyring(await chats.member(principal.account, params.id), body);
    return ok;
  });

  api.route(endpoints.erase, async ({ principal, params, body }) => {
    const membership = await chats.member(principal.account, params.id);
    return { erased: await chats.erase(membership, "ids" in body ? body.ids : null), ...ok };
  });
}
