import type { Attachment } from "svelte/attachments";

/** Calls once the element is within a screen's reach of what is in sight in its scroller. */
export function whenNear(call: () => void): Attachment<HTMLElement> {
  return (element) => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        observer.disconnect();
        call();
      },
      { root: element.closest(".scroller"), rootMargin: "600px 0px" },
    );
    observer.observe(element);
    return () => observer.disconnect();
  };
}
