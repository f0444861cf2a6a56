import { SvelteMap } from "svelte/reactivity";
import { chat } from "./chat.svelte.ts";
import type { AccountId } from "./types.ts";

// One blob: address per account and version, fetched when first shown.
const urls = new SvelteMap<string, string | null>();
const underWay = new Set<string>();

/** The address of a picture, or null while it loads and where there is none. Reactive. */
export function pictureUrl(account: AccountId, version: number): string | null {
  return version === 0 ? null : (urls.get(`${account}:${version}`) ?? null);
}

export async function loadPicture(account: AccountId, version: number): Promise<void> {
  const key = `${account}:${version}`;
  if (version === 0 || urls.has(key) || underWay.has(key)) return;
  underWay.add(key);
  try {
    const picture = await chat.client.picture(account, version);
    urls.set(key, picture && URL.createObjectURL(new Blob([picture.bytes], { type: picture.type })));
  } catch {
    // Initials do as well; the next screen that shows this person tries again.
  } finally {
    underWay.delete(key);
  }
}
