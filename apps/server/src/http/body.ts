// Reads a request's body up to a limit, by content type.
import { limits, ProtocolError } from "@cychat/protocol";

export interface RawBody {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** `maxBytes` is for JSON and forms; pictures have a limit of their own. */
export async function readBody(
  request: Request,
  bodyType: "json" | "form" | "bytes",
  maxBytes: number = limits.bodyBytes,
): Promise<unknown> {
  const contentType = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (bodyType === "bytes") return { bytes: await readBytes(request, limits.pictureBytes), contentType } satisfies RawBody;
  const isForm = bodyType === "form" && contentType === "application/x-www-form-urlencoded";
  if (!isForm && contentType !== "application/json") throw new ProtocolError("unsupported-media-type");
  const text = decodeText(await readBytes(request, maxBytes));
  return isForm ? Object.fromEntries(new URLSearchParams(text)) : parseJson(text);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new ProtocolError("malformed-json");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProtocolError("malformed-json");
  }
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > maxBytes) throw new ProtocolError("too-large");
  if (!Number.isNaN(declared)) return new Uint8Array(await request.arrayBuffer());
  // Chunked: nobody says beforehand how long it will be.
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new ProtocolError("too-large");
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
