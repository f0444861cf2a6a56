// Contacts, message requests, blocks. The other person is told nothing that they cannot see anyway.
import { type AccountId, type Contact, type ConversationId, ProtocolError } from "@cychat/protocol";
import { type Rate, RateLimit, scaled } from "../auth/service.ts";
import type { Core } from "../core.ts";
import { type Db, isUniqueViolation } from "../database/engine.ts";
import { nicknameKey } from "../users/service.ts";
import { announceContactsChanged, announceMutualChange } from "./events.ts";
import * as store from "./store.ts";

type StateChange = Awaited<ReturnType<Core["memberStates"]["set"]>>;

/** Per account: adding is how addresses could be tried out. */
const addRate: Rate = { burst: 60, perMinute: 30 };

export type ContactName = { readonly email: string } | { readonly nickname: string };

export type ContactService = ReturnType<typeof createContacts>;

export function createContacts(core: Core, now: () => number) {
  const { db, events, presence, memberStates } = core;
  const adding = new RateLimit(scaled(addRate, core.config.rateLimitScale), now);

  const shown = ({
    is_mutual,
    nickname_key: _,
    added_at_ms,
    last_seen_ms,
    chat_status,
    phone_number,
    ...person
  }: store.ContactRow): Contact => ({
    ...person,
    phone_number: is_mutual ? phone_number : null,
    contact_added_date: new Date(added_at_ms).toISOString(),
    presence: is_mutual ? presence.statusOf(person.id) : "offline",
    last_seen_ms: is_mutual && chat_status !== "offline" ? last_seen_ms : null,
  });

  const requireContact = async (account: AccountId, contact: AccountId): Promise<store.ContactRow> => {
    const [row] = await store.contactsOf(db, account, contact);
    if (!row) throw new ProtocolError("not-found");
    return row;
  };

  const find = async (account: AccountId, name: ContactName): Promise<AccountId> => {
    const found =
      "email" in name
        ? await store.accountsByEmail(db, name.email)
        : await store.accountsByNickname(db, nicknameKey(name.nickname));
    const others = found.filter((id) => id !== account);
    if (others.length > 1) throw new ProtocolError("contact-ambiguous");
    const [other] = others;
    if (!other) throw new ProtocolError(found.length > 0 ? "contact-self" : "contact-unknown");
    return other;
  };

  /** What follows from `account` having `contact` as a contact now. */
  const addWithin = async (trx: Db, account: AccountId, contact: AccountId): Promise<StateChange> => {
    await store.insertContact(trx, account, contact, now());
    return memberStates.setDirect(trx, account, contact, "active", ["request", "ignored"]);
  };

  const added = async (account: AccountId, contact: AccountId): Promise<store.ContactRow> => {
    announceContactsChanged(events, account);
    const row = await requireContact(account, contact);
    if (row.is_mutual) announceMutualChange(events, contact, account);
    return row;
  };

  const blockWithin = async (trx: Db, account: AccountId, blocked: AccountId): Promise<StateChange> => {
    if (!(await store.isBlocked(trx, account, blocked))) await store.insertBlock(trx, account, blocked, now());
    return memberStates.setDirect(trx, account, blocked, "blocked");
  };

  /** A room is stayed in or set aside; nobody is added or blocked with it. */
  const answerRoom = async (
    trx: Db,
    account: AccountId,
    conversation: ConversationId,
    action: "accept" | "ignore" | "block",
  ): Promise<StateChange> => {
    const isAccepted = action === "accept";
    const from = isAccepted ? (["request", "ignored"] as const) : (["request"] as const);
    const change = await memberStates.set(trx, { account, conversation }, isAccepted ? "active" : "ignored", from);
    if (!change) throw new ProtocolError("not-found");
    return change;
  };

  return {
    /** Throws `contact-unknown`, `contact-ambiguous`, `contact-self`, `contact-exists` or `rate-limited`. */
    async add(account: AccountId, name: ContactName): Promise<Contact> {
      adding.take(account);
      const contact = await find(account, name);
      try {
        const change = await db.transaction().execute(async (trx) => {
          if (await store.isContact(trx, account, contact)) throw new ProtocolError("contact-exists");
          return addWithin(trx, account, contact);
        });
        memberStates.announce(change);
      } catch (error) {
        if (isUniqueViolation(error)) throw new ProtocolError("contact-exists");
        throw error;
      }
      return shown(await added(account, contact));
    },

    async list(account: AccountId, search: string | undefined): Promise<Contact[]> {
      const rows = await store.contactsOf(db, account);
      const wanted = nicknameKey((search ?? "").trim());
      return rows.filter((row) => row.nickname_key.includes(wanted) || row.email.includes(wanted)).map(shown);
    },

    /** Throws `not-found`. */
    async remove(account: AccountId, contact: AccountId): Promise<void> {
      const { is_mutual } = await requireContact(account, contact);
      if (!(await store.deleteContact(db, account, contact))) throw new ProtocolError("not-found");
      announceContactsChanged(events, account);
      if (is_mutual) announceMutualChange(events, contact, account);
    },

    requests: (account: AccountId) => store.requestsOf(db, account),

    /** Throws `not-found` where nothing waits for an answer. */
    async answerRequest(account: AccountId, conversation: ConversationId, action: "accept" | "ignore" | "block"): Promise<void> {
      const { sender, change } = await db.transaction().execute(async (trx) => {
        if (await store.isRoom(trx, conversation))
          return { sender: null, change: await answerRoom(trx, account, conversation, action) };
        const sender = await store.otherInRequest(
          trx,
          account,
          conversation,
          action === "ignore" ? ["request"] : ["request", "ignored"],
        );
        if (!sender) throw new ProtocolError("not-found");
        if (action === "block") return { sender, change: await blockWithin(trx, account, sender) };
        if (action === "ignore")
          return { sender, change: await memberStates.set(trx, { account, conversation }, "ignored", ["request"]) };
        const isContact = await store.isContact(trx, account, sender);
        const change = isContact
          ? await memberStates.set(trx, { account, conversation }, "active", ["request", "ignored"])
          : await addWithin(trx, account, sender);
        return { sender, change };
      });
      memberStates.announce(change);
      if (action === "accept" && sender) await added(account, sender);
      else announceContactsChanged(events, account);
    },

    /** Blocking twice is blocking once. Throws `contact-self` or `not-found`. */
    async block(account: AccountId, blocked: AccountId): Promise<void> {
      if (blocked === account) throw new ProtocolError("contact-self");
      const change = await db.transaction().execute(async (trx) => {
        if (!(await store.accountExists(trx, blocked))) throw new ProtocolError("not-found");
        return blockWithin(trx, account, blocked);
      });
      memberStates.announce(change);
      announceContactsChanged(events, account);
    },

    blocks: (account: AccountId) => store.blockedBy(db, account),

    /** Throws `not-found`. */
    async unblock(account: AccountId, blocked: AccountId): Promise<void> {
      const change = await db.transaction().execute(async (trx) => {
        if (!(await store.deleteBlock(trx, account, blocked))) throw new ProtocolError("not-found");
        const isContact = await store.isContact(trx, account, blocked);
        return memberStates.setDirect(trx, account, blocked, isContact ? "active" : "request", ["blocked"]);
      });
      memberStates.announce(change);
      announceContactsChanged(events, account);
    },
  };
}
