export const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);
export const modKey = isApple ? "⌘" : "Ctrl";
/** A keyboard and a mouse, most likely: focus may move into a text field without an on-screen keyboard jumping up. */
export const hasFinePointer = () => matchMedia("(pointer: fine)").matches;
