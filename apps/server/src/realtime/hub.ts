// The connections of this process, by account; what the bus says goes out to them.
import { type AccountId, closeCodes, limits, type SessionId } from "@cychat/protocol";
import type { Bus, BusMessage } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { EntryNotice } from "./frames.ts";

export interface HubEvents {
  readonly onFirst: (account: AccountId) => void;
  readonly onLast: (account: AccountId) => void;
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
    if (!connections) {
      this.#byAccount.set(account, [connection]);
      this.#events.onFirst(account);
      return true;
    }
    if (connections.length >= limits.connectionsPerAccount) return false;
    connections.push(connection);
    return true;
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
      case "device-bound":
        this.#eachOfSession(message, (connection) => {
          if (connection.principal) connection.principal = { ...connection.principal, device: message.device };
        });
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
