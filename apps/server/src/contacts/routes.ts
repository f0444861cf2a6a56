import { endpoints } from "@cychat/protocol";
import type { Api } from "../http/route.ts";
import type { ContactService } from "./service.ts";

const done = (message: string, status_code = 200) => ({ status_code, message });

export function routeContacts(api: Api, contacts: ContactService): void {
  api.route(endpoints.addContact, async ({ principal, body }) => ({
    contact: await contacts.add(principal.account, body),
    ...done("The contact is added.", 201),
  }));
  api.route(endpoints.contacts, async ({ principal, query }) => ({
    status_code: 200,
    result: await contacts.list(principal.account, query.search),
  }));
  api.route(endpoints.removeContact, async ({ principal, params }) => {
    await contacts.remove(principal.account, params.id);
    return done("The contact is removed.");
  });

  api.route(endpoints.requests, async ({ principal }) => ({ requests: await contacts.requests(principal.account) }));
  api.route(endpoints.answerRequest, async ({ principal, params, body }) => {
    await contacts.answerRequest(principal.account, params.conversation, body.action);
    return done("Your answer is kept.");
  });

  api.route(endpoints.block, async ({ principal, body }) => {
    await contacts.block(principal.account, body.id);
    return done("Blocked.", 201);
  });
  api.route(endpoints.blocks, async ({ principal }) => ({ blocked: await contacts.blocks(principal.account) }));
  api.route(endpoints.unblock, async ({ principal, params }) => {
    await contacts.unblock(principal.account, params.id);
    return done("No longer blocked.");
  });
}
