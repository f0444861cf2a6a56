// The API's documentation as one static page without a script, made from the OpenAPI description.

type Json = Record<string, unknown>;

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security: readonly unknown[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: Json;
  }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Json }> };
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, { readonly schema: Json }> }
  >;
}

export function docsPage(description: Json): string {
  const { info, paths } = description as {
    info: { title: string; description: string };
    paths: Record<string, Record<string, Operation>>;
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const sections = [...Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? "")].map(
    ([tag, some]) => `<section><h2>${escapeHtml(tag)}</h2>${some.map(operationHtml).join("")}</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(info.title)} API</title>
<link rel="stylesheet" href="/docs/docs.css"></head>
<body><main><h1>${escapeHtml(info.title)} API</h1><p>${codes(info.description)}</p>
<p>The same for programs: <a href="/docs/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${sections.join("\n")}</main></body></html>
`;
}

function operationHtml({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const lock = operation.security.length > 0 ? "" : ' <small class="open">no token</small>';
  return `<details id="${escapeHtml(operation.operationId)}"><summary><b class="${method}">${method}</b> <code>${escapeHtml(path)}</code>${lock}<br>
<span>${escapeHtml(operation.summary)}</span></summary>
${parametersHtml(operation.parameters)}
${Object.entries(operation.requestBody?.content ?? {})
  .slice(0, 1)
  .map(
    ([type, { schema }]) =>
      `<h3>Body <small>${escapeHtml(Object.keys(operation.requestBody?.content ?? { [type]: 1 }).join(" or "))}</small></h3>${schemaHtml(schema)}`,
  )
  .join("")}
${Object.entries(operation.responses).map(responseHtml).join("")}</details>`;
}

function parametersHtml(parameters: Operation["parameters"]): string {
  if (parameters.length === 0) return "";
  const rows = parameters.map(
    ({ name, in: place, required, schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${place}${required ? "" : ", optional"}</td><td><code>${escapeHtml(JSON.stringify(schema))}</code></td></tr>`,
  );
  return `<h3>Parameters</h3><table>${rows.join("")}</table>`;
}

function responseHtml([status, { description, content }]: [string, Operation["responses"][string]]): string {
  const schema = Object.values(content ?? {})[0]?.schema;
  const isRefusal = Number(status) >= 400;
  const lines = description.split("\n\n").map((line) => `<p>${codes(line)}</p>`);
  return `<h3>${escapeHtml(status)}</h3>${lines.join("")}${schema && !isRefusal ? schemaHtml(schema) : ""}`;
}

function schemaHtml(schema: Json): string {
  return `<pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function codes(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

export const docsStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
details { border: 1px solid color-mix(in oklch, currentColor 20%, transparent); border-radius: .5rem; padding: .5rem 1rem; margin: .5rem 0 }
summary { cursor: pointer }
summary b { display: inline-block; min-width: 4.5rem }
pre { overflow: auto; max-height: 30rem; padding: .75rem; border-radius: .5rem; background: color-mix(in oklch, currentColor 8%, transparent) }
td { padding: .2rem .8rem .2rem 0; vertical-align: top; overflow-wrap: anywhere }
small { opacity: .7; font-weight: normal }
`;
