import { expect, test } from "bun:test";
import { Connection, textFrame } from "./connection.ts";

test("texts of every length class come back as they were sent, also many in one write", async () => {
  await using server = startEcho();
  const sent = ["", "short", "é".repeat(100), "x".repeat(126), "y".repeat(70_000), "last"];
  const received: string[] = [];
  const done = Promise.withResolvers<void>();
  const connection = await Connection.open(server.port, "/", {
    onText: (payload) => {
      received.push(payload.toString("utf8"));
      if (received.length === sent.length) done.resolve();
    },
    onClosed: (why) => done.reject(new Error(why)),
  });
  connection.write(Buffer.concat(sent.map(textFrame)));
  await done.promise;
  expect(received).toEqual(sent);
  connection.end();
});

test("a server that does not upgrade is named by its status line", async () => {
  await using server = startEcho();
  const handlers = { onText: () => {}, onClosed: () => {} };
  await expect(Connection.open(server.port, "/refused", handlers)).rejects.toThrow("404");
});

test("the server's closing code is handed on", async () => {
  await using server = startEcho();
  const why = await new Promise<string>((resolve) => {
    const opened = Connection.open(server.port, "/", { onText: () => {}, onClosed: resolve });
    void opened.then((connection) => connection.write(textFrame("close me")));
  });
  expect(why).toContain("4001");
});

function startEcho() {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, upgrader) {
      if (new URL(request.url).pathname === "/" && upgrader.upgrade(request)) return undefined;
      return new Response(null, { status: 404 });
    },
    websocket: {
      message(socket, text) {
        if (text === "close me") socket.close(4001, "as asked");
        else socket.send(text);
      },
    },
  });
  return { port: server.port as number, [Symbol.asyncDispose]: () => server.stop(true) };
}
