// What a server's texts mean to the load generator: read by a few bytes, since parsing all of it would cost more than
// the server spends.

export type TextKind = "ack" | "delivery" | "refused" | "other";

export interface Dialect {
  /** How many deliveries every message causes beside its ack. */
  readonly deliveriesPerMessage: number;
  kindOf(payload: Buffer): TextKind;
  /** The id of the message that an ack or a delivery is about; null where order alone says it. */
  idIn(payload: Buffer): string | null;
}

const kinds: Readonly<Record<string, TextKind>> = { '"ack"': "ack", '"entr': "delivery", '"refu': "refused" };
const idField = Buffer.from('"id":"');
const uuidChars = 36;

/** CyChat's socket in a direct chat: one in, one ack to the sender and one delivery to the other. */
export const chatDialect: Dialect = {
  deliveriesPerMessage: 1,
  // Every frame of the server begins with {"type":"…
  kindOf: (payload) => kinds[payload.toString("latin1", 8, 13)] ?? "other",
  idIn(payload) {
    const at = payload.indexOf(idField) + idField.length;
    return payload.toString("latin1", at, at + uuidChars);
  },
};

/** The same in a room, and what the raw publish beside it speaks: one in, one ack, and one out to each of the others. */
export const roomDialect = (others: number): Dialect => ({ ...chatDialect, deliveriesPerMessage: others });

/** An echo: one in, one out. */
export const echoDialect: Dialect = { deliveriesPerMessage: 0, kindOf: () => "ack", idIn: () => null };
