// Changes to one's own account log. Each needs an unlock; another device may be faster, then it is tried again on top.
import { type AccountState, appendEntry, type Device, extendAccountLog, type LaterBody, type SigningKey } from "@cychat/crypto";
import { endpoints, signedFromJson, signedToJson } from "@cychat/protocol";
import { ClientError, hasCode } from "../client-error.ts";
import type { VaultSnapshot } from "../keys/vault-keeper.ts";
import type { Http } from "../transport/http.ts";
import { vaultNamed } from "./open-account.ts";

const attempts = 8;

/** Appends what `body` says, which is asked again on a newer log: null when nothing is to be done any more. */
export async function appendToOwnLog(
  http: Http,
  identity: SigningKey,
  state: AccountState,
  body: (state: AccountState) => LaterBody | null,
): Promise<AccountState> {
  let current = state;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const wanted = body(current);
    if (wanted === null) return current;
    const next = await appendEntry(current, identity, wanted);
    try {
      await http.call(endpoints.appendLog, { body: { entries: [signedToJson(next.entry)] } });
      return next.state;
    } catch (error) {
      if (!hasCode(error, "version-conflict")) throw error;
      const { log } = await http.call(endpoints.accountLog, { params: { account: state.account }, query: {} });
      current = await extendAccountLog(current, log.map(signedFromJson));
    }
  }
  throw new ClientError("version-conflict");
}

/** Certifies this device, naming the vault that it has opened. */
export async function certifyDevice(
  http: Http,
  unlocked: { identity: SigningKey; own: AccountState; vault: VaultSnapshot },
  device: Device,
): Promise<AccountState> {
  const named = await vaultNamed(unlocked.vault);
  return appendToOwnLog(http, unlocked.identity, unlocked.own, (state) =>
    state.devices.has(device.id) ? null : { kind: "device", deviceKey: device.publicKey, ...named },
  );
}

/** Tells the server which certified device this session is. */
export async function bindDevice(http: Http, device: Pick<Device, "id">): Promise<void> {
  await http.call(endpoints.bindDevice, { body: { device: device.id } });
}
