// The account's vault, shared by all its devices: read, changed by compare-and-set, never taken older than seen.
import { openVault, pruneVault, sealVault, sha256, type VaultContents } from "@cychat/crypto";
import {
  type AccountId,
  type CborValue,
  endpoints,
  equalBytes,
  fromBase64url,
  toBase64url,
  type VersionedBox,
} from "@cychat/protocol";
import { ClientError, hasCode } from "../client-error.ts";
import { SerialQueue } from "../serial-queue.ts";
import type { Store } from "../store/store.ts";
import { only, tables, type VaultRecord } from "../store/tables.ts";
import type { Http } from "../transport/http.ts";

export interface VaultSnapshot {
  readonly version: number;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
  readonly contents: VaultContents;
}

interface VaultKeeperOptions {
  readonly http: Http;
  readonly store: Store;
  readonly account: AccountId;
  readonly vaultKey: CryptoKey;
  now(): number;
  /** Another device wrote a newer vault, and it is here now. */
  onChanged?(): void;
}

/** How often another device may be faster before giving up. */
const attempts = 8;

export class VaultKeeper {
  #snapshot: VaultSnapshot;
  readonly #queue = new SerialQueue();

  constructor(
    readonly options: VaultKeeperOptions,
    snapshot: VaultSnapshot,
  ) {
    this.#snapshot = snapshot;
  }

  /** The vault as this device last saw it; undefined when there is none here. Throws wrong-key. */
  static async load(options: VaultKeeperOptions): Promise<VaultKeeper | undefined> {
    const record = await tables.vault.read(options.store, "", only);
    if (record === undefined) return undefined;
    const contents = await openVault(options.vaultKey, options.account, record.version, record.ciphertext);
    return new VaultKeeper(options, { ...record, contents });
  }

  get contents(): VaultContents {
    return this.#snapshot.contents;
  }

  get version(): number {
    return this.#snapshot.version;
  }

  get record(): VaultRecord {
    const { version, ciphertext } = this.#snapshot;
    return { version, ciphertext };
  }

  setting(name: string): CborValue | undefined {
    return this.contents.settings.get(name)?.value;
  }

  /** Changes one setting for all devices; the latest change counts where two change it. */
  async setSetting(name: string, value: CborValue): Promise<void> {
    await this.changeSetting(name, () => value);
  }

  /** The same, from the value as it is; `change` must be a pure function of it. */
  async changeSetting(name: string, change: (value: CborValue | undefined) => CborValue): Promise<void> {
    await this.update((contents) => {
      const value = change(contents.settings.get(name)?.value);
      const changedAtMs = Math.max(Math.round(this.options.now()), (contents.settings.get(name)?.changedAtMs ?? 0) + 1);
      return { ...contents, settings: new Map(contents.settings).set(name, { value, changedAtMs }) };
    });
  }

  /**
   * Stores changed contents as the next version. When another device was faster, `change` is made again on what that
   * one wrote, so it must be a pure function of the contents. Resolves once the server has it.
   */
  update(change: (contents: VaultContents) => VaultContents): Promise<void> {
    return this.#queue.run(async () => {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const contents = pruneVault(change(this.#snapshot.contents), this.options.now());
        const version = this.#snapshot.version + 1;
        const { ciphertext } = await sealVault(this.options.vaultKey, this.options.account, version, contents);
        try {
          await this.options.http.call(endpoints.putVault, { body: { version, ciphertext: toBase64url(ciphertext) } });
        } catch (error) {
          if (!hasCode(error, "version-conflict")) throw error;
          await this.#read();
          continue;
        }
        await this.#adopt({ version, ciphertext, contents });
        return;
      }
      throw new ClientError("version-conflict");
    });
  }

  /** Reads what other devices wrote. Throws rollback and fork when the server shows an older or another vault. */
  refresh(): Promise<void> {
    return this.#queue.run(() => this.#read());
  }

  /** A vault that came with something else; `seen` was our version when that was asked for. Throws as {@link refresh}. */
  take(box: VersionedBox, seen: number): Promise<void> {
    return this.#queue.run(() => this.#take(box, seen));
  }

  async #read(): Promise<void> {
    const seen = this.version;
    await this.#take(await this.options.http.call(endpoints.vault), seen);
  }

  async #take(answer: VersionedBox, seen: number): Promise<void> {
    const ciphertext = fromBase64url(answer.ciphertext);
    const { version } = answer;
    // Older than ours by now, but not than ours when it was asked for: it crossed with a change of our own.
    if (version < this.version && version >= seen) return;
    if (version < this.version) throw new ClientError("rollback", "The server showed an older vault than one already seen.");
    if (version === this.version) {
      if (!equalBytes(await sha256(ciphertext), await sha256(this.#snapshot.ciphertext))) {
        throw new ClientError("fork", "The server showed two different vaults of one version.");
      }
      return;
    }
    // Every version was made from the one before it (compare and set), so what we wrote is part of this one.
    const contents = await openVault(this.options.vaultKey, this.options.account, version, ciphertext);
    await this.#adopt({ version, ciphertext, contents });
    this.options.onChanged?.();
  }

  async #adopt(snapshot: VaultSnapshot): Promise<void> {
    await this.options.store.write([tables.vault.put("", only, { version: snapshot.version, ciphertext: snapshot.ciphertext })]);
    this.#snapshot = snapshot;
  }
}
