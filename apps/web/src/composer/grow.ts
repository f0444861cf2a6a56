import type { Attachment } from "svelte/attachments";

const native = CSS.supports("field-sizing", "content");

/** Lets a textarea grow with its text where the browser cannot (`field-sizing`). */
export function growWithText(text: () => string): Attachment<HTMLTextAreaElement> {
  return (area) => {
    void text();
    if (native) return;
    area.style.setProperty("block-size", "auto");
    area.style.setProperty("block-size", `${area.scrollHeight}px`);
  };
}
