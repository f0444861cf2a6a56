// OpenAPI 3.1, generated from the very descriptors that validate.
import { apiBase, type EndpointSpec, endpoints, limits, type RefusalCode, refusals } from "@cychat/protocol";
import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";

type Json = Record<string, unknown>;

export function openApi(publicUrl: string | null): Json {
  const paths: Record<string, Json> = {};
  for (const [name, endpoint] of Object.entries<EndpointSpec>(endpoints)) {
    const path = apiBase + endpoint.path;
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(name, endpoint) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "CyChat",
      version: "1",
      description:
        "Refusals carry the real HTTP status and `{ status_code, code, message, details? }`; `code` is stable. " +
        `Sockets: \`${apiBase}/ws\` (the one our clients use), \`${apiBase}/ws/chat/{sender}/{receiver}\` and ` +
        `\`${apiBase}/ws/{sender}/{room}\`; the token comes in the ` +
        "first frame, as `Sec-WebSocket-Protocol: cychat, <token>`, or in `Authorization`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: publicUrl ?? "/" }],
    tags: [...new Set(Object.values<EndpointSpec>(endpoints).map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: { Refusal: refusalSchema },
    },
  };
}

const refusalSchema: Json = {
  type: "object",
  required: ["status_code", "code", "message"],
  properties: {
    status_code: { type: "integer" },
    code: { type: "string", enum: Object.keys(refusals) },
    message: { type: "string" },
    details: {},
  },
};

function operation(name: string, endpoint: EndpointSpec): Json {
  return {
    operationId: name,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    security: endpoint.auth ? [{ bearer: [] }] : [],
    parameters: [...parameters("path", endpoint.params), ...parameters("query", endpoint.query)],
    ...requestBody(endpoint),
    responses: { [endpoint.status]: { description: "Done.", content: answerContent(endpoint) }, ...refusalAnswers(endpoint) },
  };
}

function parameters(place: "path" | "query", schema: v.GenericSchema | undefined): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, "input");
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: property,
  }));
}

function requestBody({ body, bodyType = "json" }: EndpointSpec): Json {
  if (bodyType === "bytes") {
    const schema = { type: "string", format: "binary", maxLength: limits.pictureBytes };
    const content = Object.fromEntries(["image/png", "image/jpeg", "image/webp"].map((type) => [type, { schema }]));
    return { requestBody: { required: true, content } };
  }
  if (!body) return {};
  const media = { schema: jsonSchema(body, "input") };
  const form = bodyType === "form" ? { "application/x-www-form-urlencoded": media } : {};
  return { requestBody: { required: true, content: { "application/json": media, ...form } } };
}

function answerContent({ response }: EndpointSpec): Json {
  if (!response) return { "application/octet-stream": { schema: { type: "string", format: "binary" } } };
  return { "application/json": { schema: jsonSchema(response, "output") } };
}

/** What an endpoint can be refused with: its own reasons, and those that go with its form. */
function refusalAnswers(endpoint: EndpointSpec): Json {
  const codes = new Set<RefusalCode>(endpoint.refusals);
  if (endpoint.auth)
    for (const code of ["not-authenticated", "token-invalid", "token-expired", "token-revoked"] as const) codes.add(code);
  if (endpoint.params) codes.add("not-found");
  if (endpoint.query || endpoint.body) codes.add("malformed-request");
  if (endpoint.body) for (const code of ["malformed-json", "unsupported-media-type", "too-large"] as const) codes.add(code);
  const byStatus = Map.groupBy(codes, (code) => refusals[code][0]);
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Refusal" } } };
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [
      status,
      { description: some.map((code) => `\`${code}\`: ${refusals[code][1]}`).join("\n\n"), content },
    ]),
  );
}

function jsonSchema(schema: v.GenericSchema, typeMode: ConversionConfig["typeMode"] & string): JsonSchema {
  // What JSON Schema cannot say (checks, brands, normal forms) is left out, and still validated.
  const { $schema: _, ...rest } = toJsonSchema(schema, { typeMode, target: "draft-2020-12", errorMode: "ignore" });
  return rest;
}
