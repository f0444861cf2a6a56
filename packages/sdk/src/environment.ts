// Everything a client takes from the world around it, in one place, so that tests and simulations can be the world.
import {
  type Argon2id,
  type Device,
  deriveVaultKey,
  generateDevice,
  type NewFileHasher,
  wasmArgon2id,
  wasmFileHasher,
} from "@cychat/crypto";
import type { FileCipher } from "./files/file-cipher.ts";

export interface Clock {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The part of a WebSocket that the client uses. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How the keys of this install are made; an install that must write them to a file makes exportable ones. */
export interface KeyFactory {
  device(): Promise<Device>;
  vaultKey(root: Uint8Array): Promise<CryptoKey>;
}

export interface Environment {
  readonly clock: Clock;
  /** From 0 up to, not including, 1: for jitter only, never for keys. */
  random(): number;
  readonly fetch: Fetch;
  openSocket(url: string): WebSocketLike;
  /** Calls back when the network may be there again; returns the way to stop. */
  onOnline(listener: () => void): () => void;
  readonly argon2id: Argon2id;
  readonly keys: KeyFactory;
  readonly newFileHasher: NewFileHasher;
  /** null: files are encrypted on this thread. */
  readonly fileCipher: FileCipher | null;
  /** Lets a page draw and answer before long work goes on. */
  pause(): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

export const nonExtractableKeys: KeyFactory = { device: generateDevice, vaultKey: deriveVaultKey };

/** The real world, as far as every platform has it; `overrides` replaces parts of it. */
export function environment(overrides: Partial<Environment> = {}): Environment {
  return {
    clock: systemClock,
    random: Math.random,
    fetch: (url, init) => fetch(url, init),
    openSocket: (url) => new WebSocket(url) as WebSocketLike,
    onOnline: listenForOnline,
    argon2id: wasmArgon2id,
    keys: nonExtractableKeys,
    newFileHasher: wasmFileHasher,
    fileCipher: null,
    pause: letOthersGo,
    ...overrides,
  };
}

/** A message to oneself is a task of its own: it comes after drawing and input, and without a timer's four milliseconds. */
function letOthersGo(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function listenForOnline(listener: () => void): () => void {
  if (typeof globalThis.addEventListener !== "function") return () => {};
  globalThis.addEventListener("online", listener);
  return () => globalThis.removeEventListener("online", listener);
}
