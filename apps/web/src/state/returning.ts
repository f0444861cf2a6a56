// Whether this browser was logged in when it was last open: then the chats are fetched beside the client and not after it.
const key = "cychat-returning";

export function isReturning(): boolean {
  try {
    return localStorage.getItem(key) === "yes";
  } catch {
    return false;
  }
}

export function keepReturning(isIn: boolean): void {
  try {
    if (isIn) localStorage.setItem(key, "yes");
    else localStorage.removeItem(key);
  } catch {
    // Without storage the chats come a moment later.
  }
}
