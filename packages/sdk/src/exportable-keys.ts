// Keys that can be written down, for programs whose store is a file (see SqliteStore). Browsers never use these: theirs
// cannot be extracted. The key itself is the same either way.
import { deviceIdOf } from "@cychat/crypto";
import { encodeCbor, labels } from "@cychat/protocol";
import type { KeyFactory } from "./environment.ts";

export const exportableKeys: KeyFactory = {
  async device() {
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    return { id: await deviceIdOf(publicKey), publicKey, privateKey: pair.privateKey };
  },

  /** V exactly as `deriveVaultKey` derives it (a test holds the two together), but exportable. */
  async vaultKey(root) {
    const base = await crypto.subtle.importKey("raw", new Uint8Array(root), "HKDF", false, ["deriveKey"]);
    const algorithm = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: encodeCbor([labels.vaultKey]) };
    return crypto.subtle.deriveKey(algorithm, base, { name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
  },
};
