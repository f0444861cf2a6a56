// What a client's frame does. Never throws: a bad frame is refused, and the connection stays.
import { type ClientFrame, type ConversationId, ProtocolError } from "@cychat/protocol";
import type { MessageService, SeedView, SendOutcome } from "../messages/service.ts";
import type { Connection } from "./connection.ts";
import { readClientFrame } from "./frames.ts";
import type { Receipts } from "./receipts.ts";
import { readSeedFrame } from "./seed-dialect.ts";
import type { Typing } from "./typing.ts";

export interface FrameDeps {
  readonly messages: MessageService;
  readonly receipts: Receipts;
  readonly typing: Typing;
}

type Principal = NonNullable<Connection["principal"]>;

/** A frame on our own socket. */
export function takeFrame(deps: FrameDeps, connection: Connection, principal: Principal, text: string): void {
  const read = readClientFrame(text);
  if (read.kind === "malformed") connection.refuse(read.error, read.about);
  else act(deps, connection, principal, read.frame);
}

function act(deps: FrameDeps, connection: Connection, principal: Principal, frame: ClientFrame): void {
  switch (frame.type) {
    case "send":
      send(deps, connection, principal, frame.conversation, frame.envelope);
      break;
    case "receipt": {
      const { conversation, delivered_seq: deliveredSeq = 0, read_seq: readSeq = 0 } = frame;
      const receipt = { conversation, account: principal.account, deliveredSeq, readSeq };
      const refuse = () => connection.refuse(new ProtocolError("not-found"), { frame: "receipt", conversation });
      deps.receipts.submit(receipt, refuse);
      break;
    }
    case "typing":
      typing(deps, connection, principal, frame.conversation, frame.active);
      break;
    case "ping":
      pong(connection);
      break;
    case "hello":
      connection.refuse(new ProtocolError("malformed-frame", "This socket is authenticated already."), { frame: "hello" });
  }
}

/** A frame on the seed's socket. */
export function takeSeedFrame(deps: FrameDeps, connection: Connection, principal: Principal, view: SeedView, text: string): void {
  const frame = readSeedFrame(text);
  switch (frame.kind) {
    case "malformed":
      connection.refuse(frame.error, frame.about);
      break;
    case "send":
      send(deps, connection, principal, view.conversation, frame.content);
      break;
    case "typing":
      typing(deps, connection, principal, view.conversation, frame.active);
      break;
    case "ping":
      pong(connection);
      break;
  }
}

function pong(connection: Connection): void {
  connection.writeFrame({ type: "pong", at_ms: Date.now() });
}

function typing(
  deps: FrameDeps,
  connection: Connection,
  principal: Principal,
  conversation: ConversationId,
  active: boolean,
): void {
  deps.typing(connection, principal.account, conversation, active, () =>
    connection.refuse(new ProtocolError("not-found"), { frame: "typing", conversation }),
  );
}

function send(
  deps: FrameDeps,
  connection: Connection,
  principal: Principal,
  conversation: ConversationId,
  envelope: string,
): void {
  if (!connection.mayQueueSend) {
    connection.refuse(new ProtocolError("overloaded"), { frame: "send", conversation });
    return;
  }
  connection.underWay += 1;
  deps.messages.send({ principal, conversation, envelope, from: connection.id }, (outcome: SendOutcome) => {
    connection.underWay -= 1;
    if (outcome.kind === "refused")
      return connection.refuse(outcome.error, { frame: "send", conversation, id: outcome.messageId });
    const { messageId: id, seq, atMs } = outcome;
    const text = connection.dialect.ack({ conversation, id, seq, atMs, envelope });
    if (text !== null) connection.write(text);
  });
}
