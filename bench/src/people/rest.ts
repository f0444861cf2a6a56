// Calls endpoints by the protocol's own descriptions.
import { apiBase, type EndpointAnswer, type EndpointInput, type EndpointSpec } from "@cychat/protocol";
import { CannotMeasure } from "../measure.ts";

type Input<E extends EndpointSpec> = EndpointInput<E> & { readonly token?: string };

interface AnyInput {
  readonly token?: string;
  readonly params?: Record<string, string>;
  readonly query?: Record<string, string>;
  readonly body?: unknown;
}

export async function call<E extends EndpointSpec>(url: string, endpoint: E, input: Input<E>): Promise<EndpointAnswer<E>> {
  const { token, params = {}, query = {}, body } = input as AnyInput;
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const asked = new URLSearchParams(query);
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const response = await fetch(`${url}${apiBase}${path}${asked.size > 0 ? `?${asked}` : ""}`, {
    method: endpoint.method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  const answer = await response.json();
  if (response.status === endpoint.status) return answer as EndpointAnswer<E>;
  const code = (answer as { code?: unknown }).code;
  throw new CannotMeasure(`${endpoint.method} ${endpoint.path} was answered ${response.status} ${String(code)}`);
}
