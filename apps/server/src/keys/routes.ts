import { endpoints } from "@cychat/protocol";
import type { Api } from "../http/route.ts";
import type { KeyService } from "./service.ts";

const done = (message: string, status_code = 200) => ({ status_code, message });

export function routeKeys(api: Api, keys: KeyService): void {
  api.route(endpoints.createKeys, async ({ principal, body }) => {
    await keys.create(principal, body);
    return done("Your account has keys now.", 201);
  });
  api.route(endpoints.ownKeys, ({ principal }) => keys.own(principal.account));
  api.route(endpoints.appendLog, async ({ principal, body }) => ({
    log: await keys.appendLog(principal.account, body.entries),
    ...done("Your account log has grown.", 201),
  }));
  api.route(endpoints.bindDevice, async ({ principal, body }) => {
    await keys.bindDevice(principal, body.device);
    return done("This session is bound to its device.");
  });
  api.route(endpoints.putMethods, async ({ principal, body }) => {
    await keys.putMethods(principal.account, body);
    return done("Your unlock methods are changed.");
  });
  api.route(endpoints.putVault, async ({ principal, body }) => {
    await keys.putVault(principal.account, body);
    return done("Your vault is stored.");
  });
  api.route(endpoints.vault, ({ principal }) => keys.vault(principal.account));
  // After the addresses with a fixed word, which this one would catch.
  api.route(endpoints.accountLog, ({ params, query }) => keys.logOf(params.account, query.after));
  api.route(endpoints.accountLogs, async ({ body }) => ({ accounts: await keys.logsOf(body.accounts) }));
}
