// Dialogs are opened from anywhere, loaded when first needed, and drawn by ui/DialogHost.svelte.
import type { Component } from "svelte";
import { common } from "../strings/common.ts";
import { toasts } from "./toasts.svelte.ts";

interface OpenDialog {
  readonly id: number;
  readonly component: Component<Record<string, unknown>>;
  readonly props: Record<string, unknown>;
}

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  readonly cancel?: string;
  readonly danger?: boolean;
}

class Dialogs {
  open: readonly OpenDialog[] = $state.raw([]);
  question: Question | null = $state.raw(null);
  #answer: ((yes: boolean) => void) | null = null;
  #next = 1;

  /** Every dialog component takes `onclose` beside the props given here. */
  async show<Props extends { onclose: () => void }>(
    load: () => Promise<{ default: Component<Props> }>,
    props: Omit<Props, "onclose">,
  ): Promise<void> {
    try {
      const component = (await load()).default as unknown as OpenDialog["component"];
      if (this.open.some((dialog) => dialog.component === component)) return;
      const id = this.#next++;
      this.open = [...this.open, { id, component, props: { ...props, onclose: () => this.#close(id) } }];
    } catch (error) {
      console.error(error);
      toasts.show(common.somethingWrong, "danger");
    }
  }

  ask(question: Question): Promise<boolean> {
    this.#answer?.(false);
    this.question = question;
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  answer(yes: boolean): void {
    this.question = null;
    this.#answer?.(yes);
    this.#answer = null;
  }

  closeAll(): void {
    this.open = [];
    if (this.question) this.answer(false);
  }

  #close(id: number): void {
    this.open = this.open.filter((dialog) => dialog.id !== id);
  }
}

export const dialogs = new Dialogs();

/** Does something that may be refused; says so where it is. */
export async function attempt(work: () => Promise<unknown>, explain: (error: unknown) => string): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    toasts.show(explain(error), "danger");
    return false;
  }
}
