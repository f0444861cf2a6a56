import type { Component } from "svelte";

export interface MenuItem {
  readonly label: string;
  readonly icon?: Component<{ size?: number }>;
  readonly danger?: boolean;
  readonly testid?: string;
  readonly act: () => void;
}
