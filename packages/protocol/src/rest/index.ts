import { authEndpoints } from "./auth.ts";
import { contactEndpoints } from "./contacts.ts";
import { conversationEndpoints } from "./conversations.ts";
import { fileEndpoints } from "./files.ts";
import { keyEndpoints } from "./keys.ts";
import { roomEndpoints } from "./rooms.ts";
import { userEndpoints } from "./user.ts";

/** Every REST endpoint there is, by name. */
export const endpoints = {
  ...authEndpoints,
  ...userEndpoints,
  ...contactEndpoints,
  ...keyEndpoints,
  ...conversationEndpoints,
  ...roomEndpoints,
  ...fileEndpoints,
} as const;

export type Endpoints = typeof endpoints;
