import type { NewRecord } from "@cychat/crypto";
import { signedToJson, toBase64url } from "@cychat/protocol";

/** A new record with everything beside it, as the server takes it. */
export function recordBody({ record, memberList, seals, letters, profile }: NewRecord) {
  return {
    record: signedToJson(record),
    members: memberList && toBase64url(memberList),
    seals: seals.map(textsOf),
    letters: letters.map(textsOf),
    profile: profile && toBase64url(profile),
  };
}

function textsOf<T extends { readonly encapsulated: Uint8Array; readonly ciphertext: Uint8Array }>(sealed: T) {
  return { ...sealed, encapsulated: toBase64url(sealed.encapsulated), ciphertext: toBase64url(sealed.ciphertext) };
}
