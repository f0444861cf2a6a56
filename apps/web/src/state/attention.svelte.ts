/** Whether somebody looks at this tab: only then is a message read. */
class Attention {
  looking = $state(document.visibilityState === "visible" && document.hasFocus());

  constructor() {
    const update = () => {
      this.looking = document.visibilityState === "visible" && document.hasFocus();
    };
    addEventListener("focus", update);
    addEventListener("blur", update);
    document.addEventListener("visibilitychange", update);
  }
}

export const attention = new Attention();
