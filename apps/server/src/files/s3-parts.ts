// The objects that a blob is made of: `<blob id>/<offset>-<length>`, each put once and never changed.
import { BlobId } from "@cychat/protocol";
import * as v from "valibot";

export interface Part {
  readonly key: string;
  /** Where it begins in the blob, and the first byte after it. */
  readonly start: number;
  readonly end: number;
}

const digits = 16;
const number = (value: number) => String(value).padStart(digits, "0");
const form = new RegExp(`^([\\w-]+)/(\\d{${digits}})-(\\d{${digits}})$`);

/** Without the bucket's prefix. */
export function partKey(id: BlobId, start: number, length: number): string {
  return `${id}/${number(start)}-${number(length)}`;
}

/** `key` without the bucket's prefix. Null for what is no part, and for one that has not the length its name says. */
export function readPart(key: string, size: number): (Part & { readonly id: BlobId }) | null {
  const [, name, start, length] = form.exec(key) ?? [];
  const id = v.safeParse(BlobId, name);
  if (!id.success || Number(length) !== size) return null;
  return { id: id.output, key, start: Number(start), end: Number(start) + size };
}

/**
 * Those of `parts` that follow one another without a gap from the first byte on, as far as any of them reach. Two writers that
 * did not know of each other may have left several that begin at one place: a late one never makes the blob shorter, because
 * the run that reached furthest before is still there.
 */
export function unbrokenRun(parts: readonly Part[]): Part[] {
  const reached = new Map<number, Part | null>([[0, null]]);
  let furthest = 0;
  for (const part of parts.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (!reached.has(part.start) || reached.has(part.end)) continue;
    reached.set(part.end, part);
    furthest = Math.max(furthest, part.end);
  }
  const run: Part[] = [];
  for (let part = reached.get(furthest); part; part = reached.get(part.start)) run.push(part);
  return run.reverse();
}
