// The physical limit of sockets: Bun.serve's raw WebSocket echo with nothing behind it. Started by Children.startPeer, or
// with a PORT.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT ?? 0),
  fetch(request, upgrader) {
    return upgrader.upgrade(request) ? undefined : new Response("ready");
  },
  websocket: {
    perMessageDeflate: false,
    maxPayloadLength: 256 * 1024,
    message(socket, text) {
      socket.send(text);
    },
  },
});

process.send?.({ port: server.port });
