import { expect, test } from "bun:test";
import { Children } from "../processes/children.ts";
import { textFrame } from "./connection.ts";
import { chatDialect, echoDialect, roomDialect } from "./dialect.ts";
import { Lane } from "./lane.ts";
import { Traffic } from "./traffic.ts";

const echoServer = new URL("../peers/echo-server.ts", import.meta.url);
const publishServer = new URL("../peers/publish-server.ts", import.meta.url);

test("a lane hands out its frames alone and together", () => {
  const lane = new Lane(["a", "bc", "def"].map((text) => new TextEncoder().encode(text)));
  expect(lane.frames).toBe(3);
  expect(Buffer.from(lane.slice(0, 1)).toString()).toBe("a");
  expect(Buffer.from(lane.slice(1, 3)).toString()).toBe("bcdef");
  expect(lane.slice(3, 3).length).toBe(0);
});

test("the chat's frames are told apart by their first bytes", () => {
  const kindOf = (frame: object) => chatDialect.kindOf(Buffer.from(JSON.stringify(frame)));
  expect(kindOf({ type: "ack" })).toBe("ack");
  expect(kindOf({ type: "entry" })).toBe("delivery");
  expect(kindOf({ type: "refused" })).toBe("refused");
  for (const type of ["erased", "receipt", "typing", "presence", "changed", "pong", "bye"])
    expect(kindOf({ type })).toBe("other");
  const id = crypto.randomUUID();
  expect(chatDialect.idIn(Buffer.from(JSON.stringify({ type: "ack", conversation: "c", id, seq: 1 })))).toBe(id);
});

test("everything is sent once and answered once, as fast as answered and then at a rate", async () => {
  const children = new Children();
  try {
    const { child, first } = await children.startPeer<{ port: number }>(echoServer, null);
    const lanes = Array.from({ length: 5 }, (_, index) => {
      const frames = Array.from({ length: 40 }, (_, frame) => textFrame(`frame ${frame} of ${index}`));
      return { hello: null, lane: new Lane(frames), ids: [] };
    });
    const traffic = await Traffic.open({ port: first.port, path: "/", dialect: echoDialect, lanes });
    expect((await traffic.asFastAsAnswered(10, 4)).messages).toBe(50);
    expect((await traffic.asFastAsAnswered(20, 100)).messages).toBe(50);
    const { acks, deliveries } = await traffic.atRate(40, 2_000, 1_000);
    expect(acks.length).toBe(100);
    expect(deliveries.length).toBe(0);
    expect(acks.every((latencyMs) => latencyMs > 0 && latencyMs < 1_000)).toBe(true);
    traffic.rewind();
    expect((await traffic.asFastAsAnswered(40, 8)).messages).toBe(200);
    traffic.end();
    await child.stop();
  } finally {
    await children.end();
  }
});

test("where some only listen, a message counts once for each of the others", async () => {
  const children = new Children();
  try {
    const { child, first } = await children.startPeer<{ port: number }>(publishServer, null);
    const lanes = Array.from({ length: 6 }, (_, index) => {
      const frames = Array.from({ length: index < 2 ? 10 : 0 }, () => textFrame(JSON.stringify({ type: "send", envelope: "…" })));
      return { hello: null, lane: new Lane(frames), ids: [] };
    });
    const traffic = await Traffic.open({ port: first.port, path: "/", dialect: roomDialect(5), lanes });
    expect((await traffic.asFastAsAnswered(4, 2)).messages).toBe(8);
    expect((await traffic.asFastAsAnswered(10, 2)).messages).toBe(12);
    traffic.end();
    await child.stop();
  } finally {
    await children.end();
  }
});
