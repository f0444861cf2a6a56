// A device: one browser or SDK install, with a signing key that never leaves it.
import { type DeviceId, toBase64url } from "@cychat/protocol";
import { generateSigningKey, type SigningKey } from "./identity.ts";
import { sha256 } from "./primitives.ts";

/** Not extractable; structured-cloneable, so IndexedDB can hold it as it is. */
export interface Device extends SigningKey {
  readonly id: DeviceId;
}

export async function generateDevice(): Promise<Device> {
  const key = await generateSigningKey();
  return { ...key, id: await deviceIdOf(key.publicKey) };
}

/** base64url of SHA-256 over the raw public key. */
export async function deviceIdOf(publicKey: Uint8Array): Promise<DeviceId> {
  return toBase64url(await sha256(publicKey)) as DeviceId;
}
