// The physical limit of a room: Bun.serve's own publish to everybody else, and an ack, with nothing behind them. Started by
// Children.startPeer.
const ack = '{"type":"ack"}';
const room = "room";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, upgrader) {
    return upgrader.upgrade(request) ? undefined : new Response("ready");
  },
  websocket: {
    perMessageDeflate: false,
    maxPayloadLength: 256 * 1024,
    open(socket) {
      socket.subscribe(room);
    },
    message(socket, text) {
      // As long as what came, and a delivery for who reads its first bytes.
      socket.publish(room, `{"type":"entry"${String(text).slice(15)}`);
      socket.send(ack);
    },
  },
});

process.send?.({ port: server.port });

export {};
