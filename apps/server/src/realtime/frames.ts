// Frames as text. The hot ones are put together from checked parts: ids and base64url need no escaping.
import { ClientFrame, type ConversationId, type Entry, ProtocolError } from "@cychat/protocol";
import * as v from "valibot";
import { issuePaths } from "../http/refusal.ts";

/** An entry on its way to many sockets: serialised once. */
export class EntryNotice {
  #json: string | null = null;
  constructor(
    readonly conversation: ConversationId,
    readonly entry: Entry,
  ) {}

  get json(): string {
    this.#json ??= entryJson(this.conversation, this.entry);
    return this.#json;
  }
}

function entryJson(conversation: ConversationId, entry: Entry): string {
  if (entry.kind !== "message") return JSON.stringify({ type: "entry", conversation, entry });
  const { seq, at_ms, id, sender, device, envelope } = entry;
  return (
    `{"type":"entry","conversation":"${conversation}","entry":{"kind":"message","seq":${seq},"at_ms":${at_ms},` +
    `"id":"${id}","sender":"${sender}","device":"${device}","envelope":"${envelope}"}}`
  );
}

export function ackJson(conversation: ConversationId, id: string, seq: number, atMs: number): string {
  return `{"type":"ack","conversation":"${conversation}","id":"${id}","seq":${seq},"at_ms":${atMs}}`;
}

export interface RefusedAbout {
  readonly frame: string | null;
  readonly conversation?: string;
  readonly id?: string | undefined;
}

export function refusedFrame({ code, message, details }: ProtocolError, { frame, conversation, id }: RefusedAbout): string {
  return JSON.stringify({ type: "refused", frame, conversation, id, code, message, details });
}

const schemas: ReadonlyMap<string, (typeof ClientFrame.options)[number]> = new Map(
  ClientFrame.options.map((option) => [option.entries.type.literal, option]),
);

export type ReadFrame =
  | { readonly kind: "frame"; readonly frame: ClientFrame }
  | { readonly kind: "malformed"; readonly error: ProtocolError; readonly about: RefusedAbout };

/** Reads one frame of a client; the schema is the protocol's. */
export function readClientFrame(text: string): ReadFrame {
  const value = parseObject(text);
  if (value === null) return malformed(null);
  const schema = typeof value.type === "string" ? schemas.get(value.type) : undefined;
  if (!schema) return malformed(null);
  const result = v.safeParse(schema, value);
  if (result.success) return { kind: "frame", frame: result.output };
  return malformed(schema.entries.type.literal, { issues: issuePaths(result.issues) });
}

function malformed(frame: string | null, details?: unknown): ReadFrame {
  return { kind: "malformed", error: new ProtocolError("malformed-frame", undefined, details), about: { frame } };
}

/** Null for what is no JSON object. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
