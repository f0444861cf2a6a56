// Our own socket, `/api/v1/ws`: frames as the protocol has them.
import type { Dialect } from "./connection.ts";
import { ackJson } from "./frames.ts";

export const ownDialect: Dialect = {
  frame: (_frame, json) => json(),
  entry: (notice) => notice.json,
  ack: ({ conversation, id, seq, atMs }) => ackJson(conversation, id, seq, atMs),
};
