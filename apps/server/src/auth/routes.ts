import { endpoints, ProtocolError, type Tokens } from "@cychat/protocol";
import type { Api } from "../http/route.ts";
import type { AuthService } from "./service.ts";
import type { Sessions } from "./sessions.ts";

const done = (message: string, status_code = 200) => ({ status_code, message });

export function routeAuth(api: Api, auth: AuthService, sessions: Sessions): void {
  api.route(endpoints.register, async ({ body, client }) => {
    const { user, tokens } = await auth.register(body, client);
    return { user, token: tokens satisfies Tokens, ...done("Your account is made.", 201) };
  });
  api.route(endpoints.parameters, ({ body, client }) => auth.parameters(body.email, client));
  api.route(endpoints.login, ({ body, client }) => {
    // The descriptor lets exactly one of the two through.
    const email = body.email ?? body.username ?? "";
    return auth.login({ email, secret: body.password, deviceName: body.device_name ?? "" }, client);
  });
  api.route(endpoints.refresh, ({ body, client }) => auth.refresh(body.refresh_token, client));
  api.route(endpoints.logout, async ({ principal: { account, session } }) => {
    await sessions.revoke({ account, only: session });
    return done("You are signed out.");
  });
  api.route(endpoints.changePassword, async ({ principal, body }) => {
    await auth.changePassword(principal, body);
    return done("Your password is changed.");
  });

  api.route(endpoints.sessions, async ({ principal }) => {
    const rows = await sessions.list(principal.account);
    return { sessions: rows.map((row) => ({ ...row, current: row.id === principal.session })) };
  });
  api.route(endpoints.revokeSession, async ({ principal, params }) => {
    const count = await sessions.revoke({ account: principal.account, only: params.id });
    if (count === 0) throw new ProtocolError("not-found");
    return done("That session is signed out.");
  });
  api.route(endpoints.revokeOtherSessions, async ({ principal: { account, session } }) => {
    await sessions.revoke({ account, except: session });
    return done("Every other session is signed out.");
  });
  api.route(endpoints.createInvite, async ({ principal, body }) => {
    const { code, expiresAtMs } = await auth.createInvite(principal.account, { uses: body.uses, hours: body.expires_in_hours });
    return { invite: code, expires_at_ms: expiresAtMs, ...done("The invitation is made.", 201) };
  });
}
