import type { ConversationId } from "./types.ts";

export type Route =
  | { readonly page: "login" | "register" | "profile" | "join" }
  /** `panel`: what stands beside the conversation, or over it. */
  | { readonly page: "chat"; readonly conversation: ConversationId | null; readonly panel: Panel | null };

/** `members`: who is in the room; `files`: what was sent. */
const panels = ["members", "files"] as const;
export type Panel = (typeof panels)[number];

export const chatPath = (conversation: ConversationId) => `/chat/${conversation}`;
export const panelPath = (conversation: ConversationId, panel: Panel) => `/chat/${conversation}/${panel}`;

const pages = ["login", "register", "profile", "join"] as const;

function parse(path: string): Route | null {
  const [, first, second, third, fourth] = path.replace(/\/+$/, "").split("/");
  const panel = panels.find((name) => name === third) ?? null;
  if (fourth !== undefined || (third !== undefined && panel === null)) return null;
  const page = second === undefined ? pages.find((name) => name === first) : undefined;
  if (page) return { page };
  if (first !== "chat") return null;
  return { page: "chat", conversation: (second as ConversationId | undefined) ?? null, panel };
}

class Router {
  path = $state(location.pathname);
  readonly route: Route = $derived(parse(this.path) ?? { page: "chat", conversation: null, panel: null });

  constructor() {
    addEventListener("popstate", () => {
      this.path = location.pathname;
    });
    document.addEventListener("click", (event) => this.#follow(event));
  }

  go(path: string, { replace = false } = {}): void {
    if (path === location.pathname && path === this.path) return;
    if (replace) history.replaceState(history.state, "", path);
    else history.pushState({ depth: depthOf(history.state) + 1 }, "", path);
    this.path = path;
  }

  /** Steps back inside the app, or to `fallback` where the app was entered by this page. */
  back(fallback: string): void {
    if (depthOf(history.state) > 0) history.back();
    else this.go(fallback, { replace: true });
  }

  // Links are plain <a href>, so that they open in a new tab where the user asks for one.
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (parse(link.pathname) === null) return;
    event.preventDefault();
    this.go(link.pathname);
  }
}

const depthOf = (state: unknown) => (state as { depth?: number } | null)?.depth ?? 0;

export const router = new Router();
