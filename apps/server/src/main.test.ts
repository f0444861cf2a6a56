import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "main.ts");

function start(environment: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "cychat-main-"));
  const env = {
    PATH: process.env.PATH,
    DATA_DIR: folder,
    UPLOAD_DIR: join(folder, "uploads"),
    HOST: "127.0.0.1",
    PORT: "0",
    ...environment,
  };
  const child = Bun.spawn([process.execPath, main], { env, cwd: folder, stdout: "pipe", stderr: "pipe" });
  const done = () => rmSync(folder, { recursive: true, force: true });
  return { child, done };
}

async function readUntil(stream: ReadableStream<Uint8Array>, text: string): Promise<string> {
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    output += decoder.decode(chunk, { stream: true });
    if (output.includes(text)) return output;
  }
  return output;
}

test("starts within half a second, says where, and ends with 0 on SIGTERM", async () => {
  const { child, done } = start({});
  const output = await readUntil(child.stdout, "CyChat is ready at");
  const address = /ready at (http:\/\/\S+)/.exec(output)?.[1] ?? "";
  expect((await fetch(`${address}/health/ready`)).status).toBe(200);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  done();

  // The best of a few: this machine has other things to do as well.
  let bestMs = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5 && bestMs > 500; attempt++) {
    const startedAt = performance.now();
    const again = start({});
    await readUntil(again.child.stdout, "CyChat is ready at");
    bestMs = Math.min(bestMs, performance.now() - startedAt);
    again.child.kill("SIGINT");
    expect(await again.child.exited).toBe(0);
    again.done();
  }
  expect(bestMs).toBeLessThan(500);
}, 20_000);

test("a wrong setting stops it with one line and a failure", async () => {
  const { child, done } = start({ DB_TYPE: "sqlserver" });
  expect(await child.exited).toBe(1);
  expect(await new Response(child.stderr).text()).toBe("DB_TYPE is not there yet: this version works with sqlite.\n");
  expect(await new Response(child.stdout).text()).toBe("");
  done();
});

test("a bucket that cannot be reached stops it with one line and a failure", async () => {
  const { child, done } = start({
    S3_ENDPOINT: "http://127.0.0.1:1",
    S3_BUCKET: "chat-files",
    S3_ACCESS_KEY_ID: "the-key",
    S3_SECRET_ACCESS_KEY: "not-to-be-shown",
  });
  expect(await child.exited).toBe(1);
  const said = "S3_ENDPOINT does not answer as an S3 service does (ConnectionRefused).\n";
  expect(await new Response(child.stderr).text()).toBe(said);
  expect(await new Response(child.stdout).text()).toBe("");
  done();
});

test("a port that is taken stops it with one line and a failure", async () => {
  using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { child, done } = start({ PORT: String(other.port) });
  expect(await child.exited).toBe(1);
  expect(await new Response(child.stderr).text()).toBe("CyChat could not start: the port is taken (PORT)\n");
  done();
});
