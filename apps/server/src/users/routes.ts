import { endpoints, type User } from "@cychat/protocol";
import type { Api } from "../http/route.ts";
import type { UserService } from "./service.ts";

const answer = (user: User, message: string) => ({ user, status_code: 200, message });

export function routeUsers(api: Api, users: UserService): void {
  api.route(endpoints.profile, async ({ principal }) => answer(await users.profile(principal.account), "Your profile."));
  api.route(endpoints.updateProfile, async ({ principal, body }) =>
    answer(await users.updateProfile(principal.account, body), "Your profile is changed."),
  );
  api.route(endpoints.setStatus, async ({ principal, body }) =>
    answer(await users.setStatus(principal.account, body.chat_status), "Your status is changed."),
  );
  api.route(endpoints.setPicture, async ({ principal, body }) =>
    answer(await users.setPicture(principal.account, body), "Your picture is changed."),
  );
  api.route(endpoints.removePicture, async ({ principal }) =>
    answer(await users.removePicture(principal.account), "Your picture is removed."),
  );
  api.route(endpoints.picture, async ({ principal, params }) => {
    const { bytes, type, version } = await users.picture(principal.account, params.id);
    return new Response(bytes, {
      headers: {
        "content-type": type,
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "private, max-age=3600",
        etag: `"${version}"`,
      },
    });
  });
}
