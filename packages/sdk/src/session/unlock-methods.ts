// Changing the ways to unlock an account: a new password, a recovery key. Each is a new method in a new signed statement.
import { changeMethods, createMethod, createWraps, type NewMethod, type UnlockSecrets } from "@cychat/crypto";
import { signedToJson, toBase64url, type UnlockMethodsUpdate } from "@cychat/protocol";
import type { Unlocked } from "./unlock.ts";

export interface MethodChange {
  readonly method: NewMethod;
  readonly update: UnlockMethodsUpdate;
  readonly version: number;
}

/** The new method takes the place of all others of its kind. */
export async function replaceMethod(
  unlocked: Unlocked,
  kind: "password" | "recovery",
  secrets: UnlockSecrets,
): Promise<MethodChange> {
  const { account, identity, root, statement, keys } = unlocked;
  const method = await createMethod({ account, kind, kek: secrets.kek, identityKey: identity.publicKey });
  const replaced = statement.wraps.filter((wrap) => wrap.kind === kind).map((wrap) => wrap.method);
  const kept = statement.wraps.filter((wrap) => !replaced.includes(wrap.method));
  const methods = changeMethods({ ...statement, wraps: kept }, { add: method });
  const version = statement.version + 1;
  const wraps = await createWraps({ account, version, identity, root, methods });
  const boxes = keys.boxes.filter((box) => kept.some((wrap) => wrap.method === box.method));
  return {
    method,
    version,
    update: {
      wraps: signedToJson(wraps),
      boxes: [...boxes, { method: method.method, kind, box: toBase64url(method.box) }],
      auth_secrets: kind === "recovery" ? [{ method: method.method, auth_secret: secrets.authSecret }] : [],
    },
  };
}
