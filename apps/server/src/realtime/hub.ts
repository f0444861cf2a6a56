// The connections of this process, by account; what the bus says goes out to them.
import { type AccountId, closeCodes, limits, type SessionId } from "@cychat/protocol";
import type { Bus, BusMessage } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { EntryNotice } from "./frames.ts";
import { ownDialect } from "./own-dialect.ts";

export interface HubEvents {
  readonly onFirst: (account: AccountId) => void;
  readonly onLast: (account: AccountId) => void;
  /** The account's first connection of ours with a device: its client can be asked to do something. */
  readonly onReady: (account: AccountId) => void;
}

export class Hub {
  readonly #byAccount = new Map<AccountId, Connection[]>();
  readonly #events: HubEvents;

  constructor(bus: Bus, events: HubEvents) {
    this.#events = events;
    bus.subscribe((message) => this.#deliver(message));
  }

  /** False when the account has as many connections as it may have. The connection has its principal already. */
  add(account: AccountId, connection: Connection): boolean {
    const connections = this.#byAccount.get(account);
    if (connections && connections.length >= limits.connectionsPerAccount) return false;
    const wasReady = this.readyConnection(account) !== null;
    if (connections) connections.push(connection);
    else {
      this.#byAccount.set(account, [connection]);
      this.#events.onFirst(account);
    }
    if (!wasReady && canBeAsked(connection)) this.#events.onReady(account);
    return true;
  }

  /** One connection that understands our own frames and has a device. */
  readyConnection(account: AccountId): Connection | null {
    return this.#byAccount.get(account)?.find(canBeAsked) ?? null;
  }

  remove(account: AccountId, connection: Connection): void {
    const connections = this.#byAccount.get(account);
    const index = connections?.indexOf(connection) ?? -1;
    if (!connections || index < 0) return;
    connections.splice(index, 1);
    if (connections.length > 0) return;
    this.#byAccount.delete(account);
    this.#events.onLast(account);
  }

  #deliver(message: BusMessage): void {
    switch (message.kind) {
      case "frame": {
        let text: string | null = null;
        const json = () => {
          text ??= JSON.stringify(message.frame);
          return text;
        };
        this.#each(message.to, (connection) => {
          const own = connection.dialect.frame(message.frame, json);
          if (own !== null) connection.write(own);
        });
        break;
      }
      case "entry": {
        const notice = new EntryNotice(message.conversation, message.entry);
        this.#each(message.to, (connection) => {
          if (connection.id === message.from) return;
          const own = connection.dialect.entry(notice);
          if (own !== null) connection.write(own);
        });
        break;
      }
      case "session-revoked":
        this.#eachOfSession(message, (connection) => connection.close(closeCodes.sessionRevoked, "signed out"));
        break;
      case "device-bound": {
        const wasReady = this.readyConnection(message.account) !== null;
        this.#eachOfSession(message, (connection) => {
          if (connection.principal) connection.principal = { ...connection.principal, device: message.device };
        });
        if (!wasReady && this.readyConnection(message.account)) this.#events.onReady(message.account);
      }
    }
  }

  #each(accounts: readonly AccountId[], visit: (connection: Connection) => void): void {
    for (const account of accounts) {
      const connections = this.#byAccount.get(account);
      if (connections) for (const connection of connections) visit(connection);
    }
  }

  #eachOfSession(
    { account, session }: { account: AccountId; session: SessionId },
    visit: (connection: Connection) => void,
  ): void {
    // A copy: closing takes a connection off the list.
    for (const connection of [...(this.#byAccount.get(account) ?? [])])
      if (connection.principal?.session === session) visit(connection);
  }
}

function canBeAsked({ principal, dialect }: Connection): boolean {
  return principal !== null && principal.device !== null && dialect === ownDialect;
}
