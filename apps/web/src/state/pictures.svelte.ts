import { SvelteMap } from "svelte/reactivity";
import { chat } from "./chat.svelte.ts";
import type { AccountId, ConversationId } from "./types.ts";

// One blob: address per picture, fetched when first shown.
const urls = new SvelteMap<string, string | null>();
const underWay = new Set<string>();

/** The address of a picture, or null while it loads and where there is none. Reactive. */
export function pictureUrl(account: AccountId, version: number): string | null {
  return version === 0 ? null : (urls.get(`${account}:${version}`) ?? null);
}

export const loadPicture = (account: AccountId, version: number) =>
  version === 0 ? undefined : load(`${account}:${version}`, () => chat.client.picture(account, version));

/** The same of a room's picture; `name` changes with the picture. */
export const roomPictureUrl = (room: ConversationId, name: string | null) =>
  name === null ? null : (urls.get(`${room}:${name}`) ?? null);

export const loadRoomPicture = (room: ConversationId, name: string | null) =>
  name === null ? undefined : load(`${room}:${name}`, () => chat.client.roomPicture(room));

async function load(key: string, read: () => Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string } | null>): Promise<void> {
  if (urls.has(key) || underWay.has(key)) return;
  underWay.add(key);
  try {
    const picture = await read();
    urls.set(key, picture && URL.createObjectURL(new Blob([picture.bytes], { type: picture.type })));
  } catch {
    // Initials do as well; the next screen that shows this picture tries again.
  } finally {
    underWay.delete(key);
  }
}
