// What somebody asks a room's members for: to be let in, or for lost keys again. Verified as members will verify it.
import {
  type AccountId,
  type ConversationId,
  decodeSealRequest,
  labels,
  ProtocolError,
  type Signed,
  type SignedJson,
  signedFromJson,
} from "@cychat/protocol";
import { checkJoinRequest, checkLogPlace, checkRecordKnown, findDeviceKey, isBanned, touch } from "../chats/service.ts";
import type { Db } from "../database/engine.ts";
import type { Principal } from "../http/principal.ts";
import { p256PublicKey, verifySigned } from "../keys/service.ts";

function malformed(why: string): never {
  throw new ProtocolError("malformed-structure", why);
}

/** Throws `malformed-structure` unless this is the account's newest encryption key. */
async function checkNewest(db: Db, account: AccountId, generation: number): Promise<void> {
  const row = await db.selectFrom("account_keys").select("generation").where("account", "=", account).executeTakeFirst();
  if (row?.generation !== generation) malformed("The request names another encryption key than the newest.");
}

/** Throws `device-unknown` for a session without a device, `malformed-structure` for a request in another's name. */
function checkAsker({ account, device }: Principal, asked: { readonly account: AccountId; readonly device: string }): void {
  if (device === null) throw new ProtocolError("device-unknown");
  if (asked.account !== account || asked.device !== device) malformed("The request names another account or device.");
}

/** Throws `not-found` for rooms that cannot be joined by name, `room-joined`, `banned`, `malformed-structure`, `bad-signature`. */
export async function checkedJoinRequest(
  db: Db,
  principal: Principal,
  conversation: ConversationId,
  json: SignedJson,
): Promise<Signed> {
  await assertJoinable(db, principal.account, conversation);
  const request = signedFromJson(json);
  const asked = await checkJoinRequest(db, conversation, request);
  checkAsker(principal, asked);
  await checkNewest(db, asked.account, asked.generation);
  return request;
}

async function assertJoinable(db: Db, account: AccountId, conversation: ConversationId): Promise<void> {
  const room = await db
    .selectFrom("conversations")
    .select(["kind", "join_policy", "is_deleted"])
    .where("id", "=", conversation)
    .executeTakeFirst();
  const member = await db
    .selectFrom("members")
    .select("account")
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .where("until_seq", "is", null)
    .executeTakeFirst();
  if (room?.kind === "room" && member) throw new ProtocolError("room-joined");
  const isOpen = room?.kind === "room" && room.is_deleted === 0 && room.join_policy !== "invitation";
  if (!isOpen) throw new ProtocolError("not-found");
  if (await isBanned(db, conversation, account)) throw new ProtocolError("banned");
}

/** The last request counts. Throws as {@link checkedJoinRequest} where the room has changed meanwhile. */
export async function putJoinRequest(
  db: Db,
  account: AccountId,
  conversation: ConversationId,
  { payload, signature }: Signed,
  atMs: number,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await assertJoinable(trx, account, conversation);
    await deleteJoinRequest(trx, conversation, account);
    await trx.insertInto("join_requests").values({ conversation, account, payload, signature, at_ms: atMs }).execute();
    // Whoever may answer and is offline is told by the list.
    await touch(trx, conversation);
  });
}

/** Takes back or declines. False when there was none. */
export async function endJoinRequest(db: Db, conversation: ConversationId, account: AccountId): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const wasThere = await deleteJoinRequest(trx, conversation, account);
    if (wasThere) await touch(trx, conversation);
    return wasThere;
  });
}

async function deleteJoinRequest(db: Db, conversation: ConversationId, account: AccountId): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("join_requests")
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** Signed ones, the oldest first, with the people they are from. */
export async function joinRequestsOf(db: Db, conversation: ConversationId) {
  const rows = await db
    .selectFrom("join_requests")
    .innerJoin("accounts", "accounts.id", "join_requests.account")
    .leftJoin("account_keys", "account_keys.account", "accounts.id")
    .select(["accounts.id", "nickname", "picture_version", "account_keys.log_n", "payload", "signature", "at_ms"])
    .where("conversation", "=", conversation)
    .where("payload", "is not", null)
    .orderBy("at_ms")
    .orderBy("accounts.id")
    .execute();
  return rows.flatMap(({ payload, signature, at_ms, log_n, ...person }) =>
    payload && signature ? [{ person: { ...person, has_keys: log_n !== null }, request: { payload, signature }, at_ms }] : [],
  );
}

/** Throws `malformed-structure`, `bad-signature` or `device-unknown`. */
export async function checkedSealRequest(
  db: Db,
  principal: Principal,
  conversation: ConversationId,
  json: SignedJson,
): Promise<Signed> {
  const request = signedFromJson(json);
  const asked = decodeSealRequest(request.payload);
  checkAsker(principal, asked);
  if (asked.conversation !== conversation) malformed("The request is for another conversation.");
  const key = await findDeviceKey(db, asked.account, asked.device);
  if (!key) throw new ProtocolError("device-unknown");
  verifySigned(p256PublicKey(key.publicKey), labels.sealRequest, request);
  await checkLogPlace(db, asked.account, key, asked.accountLog);
  await checkNewest(db, asked.account, asked.generation);
  await checkRecordKnown(db, conversation, asked.recordHash);
  return request;
}

/** The last request counts. */
export async function putSealRequest(
  db: Db,
  account: AccountId,
  conversation: ConversationId,
  { payload, signature }: Signed,
  atMs: number,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await deleteSealRequest(trx, conversation, account);
    await trx.insertInto("seal_requests").values({ conversation, account, payload, signature, at_ms: atMs }).execute();
  });
}

/** False when there was none. */
export async function deleteSealRequest(db: Db, conversation: ConversationId, account: AccountId): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("seal_requests")
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}
