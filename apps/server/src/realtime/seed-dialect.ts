// The seed's sockets, `/api/v1/ws/chat/{sender}/{receiver}` and `/api/v1/ws/{sender}/{room}`: a view of one conversation,
// in the seed's fields.
import { limits, ProtocolError } from "@cychat/protocol";
import * as v from "valibot";
import { issuePaths } from "../http/refusal.ts";
import { type SeedView, seedMessage } from "../messages/service.ts";
import type { Dialect } from "./connection.ts";
import { parseObject, type RefusedAbout } from "./frames.ts";

export class SeedDialect implements Dialect {
  view: SeedView | null = null;

  frame: Dialect["frame"] = (frame, json) => {
    switch (frame.type) {
      case "typing":
        return frame.conversation === this.view?.conversation ? json() : null;
      case "refused":
      case "pong":
      case "bye":
      case "welcome":
        return json();
      default:
        return null;
    }
  };

  entry: Dialect["entry"] = ({ conversation, entry }) => {
    if (this.view === null || conversation !== this.view.conversation || entry.kind !== "message") return null;
    return JSON.stringify(
      seedMessage(this.view, entry.sender, { id: entry.id, seq: entry.seq, atMs: entry.at_ms, envelope: entry.envelope }),
    );
  };

  ack: Dialect["ack"] = ({ id, seq, atMs, envelope }) =>
    this.view && JSON.stringify(seedMessage(this.view, this.view.self, { id, seq, atMs, envelope }));
}

const SeedContent = v.strictObject({
  content: v.pipe(v.string(), v.maxLength(limits.frameBytes)),
  message_type: v.optional(v.picklist(["text", "media", "file"]), "text"),
  media: v.optional(v.nullable(v.string())),
});
const SeedTyping = v.strictObject({ type: v.literal("typing"), active: v.optional(v.boolean(), true) });
const SeedPing = v.strictObject({ type: v.literal("ping") });

export type ReadSeedFrame =
  | { readonly kind: "send"; readonly content: string }
  | { readonly kind: "typing"; readonly active: boolean }
  | { readonly kind: "ping" }
  | { readonly kind: "malformed"; readonly error: ProtocolError; readonly about: RefusedAbout };

export function readSeedFrame(text: string): ReadSeedFrame {
  const value = parseObject(text);
  if (value === null) return { kind: "malformed", error: new ProtocolError("malformed-frame"), about: { frame: null } };
  if (value.type === "typing") return read(SeedTyping, value, "typing", ({ active }) => ({ kind: "typing", active }));
  if (value.type === "ping") return read(SeedPing, value, "ping", () => ({ kind: "ping" }));
  return read(SeedContent, value, null, ({ content }) => ({ kind: "send", content }));
}

function read<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  frame: string | null,
  then: (output: v.InferOutput<S>) => ReadSeedFrame,
): ReadSeedFrame {
  const result = v.safeParse(schema, value);
  if (result.success) return then(result.output);
  return {
    kind: "malformed",
    error: new ProtocolError("malformed-frame", undefined, { issues: issuePaths(result.issues) }),
    about: { frame },
  };
}
