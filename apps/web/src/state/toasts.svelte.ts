export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: "plain" | "danger";
}

class Toasts {
  list: readonly Toast[] = $state.raw([]);
  #next = 1;

  show(text: string, tone: Toast["tone"] = "plain"): void {
    const toast: Toast = { id: this.#next++, text, tone };
    this.list = [...this.list.filter((item) => item.text !== text), toast].slice(-3);
    setTimeout(() => this.dismiss(toast.id), tone === "danger" ? 8000 : 3500);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
