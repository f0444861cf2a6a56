// An invite link on its way: what stands behind its # is the secret. It leaves the address bar at once, is never sent, and
// waits in this tab while somebody logs in or makes an account first.
const key = "cychat-invite";

class PendingInvite {
  link: string | null = $state(stored());

  constructor() {
    this.#takeFromAddress();
    addEventListener("hashchange", () => this.#takeFromAddress());
  }

  set(link: string): void {
    this.link = link;
    try {
      sessionStorage.setItem(key, link);
    } catch {
      // Without storage it lasts until the page is left.
    }
  }

  clear(): void {
    this.link = null;
    try {
      sessionStorage.removeItem(key);
    } catch {
      // There was nothing to remove.
    }
  }

  #takeFromAddress(): void {
    if (!/^\/join\/?$/.test(location.pathname) || location.hash.length < 2) return;
    this.set(location.href);
    history.replaceState(history.state, "", location.pathname);
  }
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

export const invite = new PendingInvite();
