import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { toBase64url } from "@cychat/protocol";
import { befriend, newPerson, until } from "../support/people.ts";
import { ServerProcess } from "../support/server-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

/** A text as it could lie about: in UTF-8, in UTF-16, in hex and in each alignment of both base64 alphabets. */
function spellings(text: string): Buffer[] {
  const utf8 = Buffer.from(text);
  const base64 = [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), utf8]);
    // Without the characters at both ends that depend on the neighbours.
    const from = Math.ceil((shift * 8) / 6);
    const until = Math.floor((padded.length * 8) / 6);
    return [padded.toString("base64").slice(from, until), toBase64url(padded).slice(from, until)];
  });
  return [utf8, Buffer.from(text, "utf16le"), Buffer.from(utf8.toString("hex")), ...base64.map((form) => Buffer.from(form))];
}

async function filesBelow(folder: string): Promise<[string, Buffer][]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return Promise.all(
    names
      .filter((entry) => entry.isFile())
      .map(async (entry): Promise<[string, Buffer]> => {
        const path = join(entry.parentPath, entry.name);
        return [path, await readFile(path)];
      }),
  );
}

test("neither database, uploads, log nor wire holds the plaintext, the password or the recovery key", async () => {
  await using server = await ServerProcess.start();
  await using wire = await TcpProxy.start({ targetPort: server.port, record: true });
  await using alice = await newPerson("Alice", { url: wire.url });
  await using bob = await newPerson("Bob", { url: wire.url });
  const recovery = await alice.client.prepareRecoveryKey();
  await alice.client.confirmRecoveryKey();
  await alice.client.setPicture(
    new Uint8Array(await Bun.file(join(import.meta.dir, "../../docs/images/logo.png")).arrayBuffer()),
  );
  const { id } = await befriend(alice, bob);
  const secret = "The treasure lies under the old oak behind the mill";
  await alice.client.sendText(id, secret);
  await alice.client.setDraft(id, "A draft about the same old oak and treasure");
  await until(bob.client, async () => (await bob.client.conversations()).some((talk) => talk.lastMessage?.text === secret));
  // The wire was really listened to: what is not secret stands there.
  expect(wire.captured().includes("alice@example.org")).toBe(true);

  const secrets = {
    plaintext: [secret, "under the old oak"],
    draft: ["A draft about the same old oak and treasure"],
    password: [alice.password, bob.password],
    "recovery key": [
      recovery.words.join(" "),
      recovery.words.slice(0, 4).join(" "),
      recovery.base32,
      recovery.base32.replaceAll("-", ""),
    ],
  };
  const look = async () => {
    const places: [string, Buffer][] = [
      ...(await filesBelow(server.dataFolder)),
      ...(await filesBelow(server.uploadFolder)),
      ["the log", Buffer.from(await server.log())],
      ["the wire", wire.captured()],
    ];
    expect(places.some(([name]) => name.endsWith(".db"))).toBe(true);
    const found: string[] = [];
    for (const [name, bytes] of places) {
      for (const [what, texts] of Object.entries(secrets)) {
        if (texts.some((text) => spellings(text).some((form) => bytes.includes(form)))) found.push(`${what} in ${name}`);
      }
    }
    return found;
  };
  expect(await look()).toEqual([]);
  expect(await server.stop()).toBe(0);
  expect(await look()).toEqual([]);
  expect(await server.log()).not.toContain("alice");
}, 60_000);

test("the search itself finds a text in every spelling it looks for", () => {
  const text = "The treasure lies under the old oak";
  const forms = spellings(text);
  for (let shift = 0; shift < 3; shift++) {
    const around = Buffer.concat([Buffer.from("xyz".slice(0, shift)), Buffer.from(text), Buffer.from("tail")]);
    for (const encoding of ["utf8", "base64", "base64url", "hex", "utf16le"] as const) {
      const bytes =
        encoding === "utf16le"
          ? Buffer.from(around.toString("utf8"), "utf16le")
          : Buffer.from(encoding === "utf8" ? around : around.toString(encoding));
      expect(forms.some((form) => bytes.includes(form))).toBe(true);
    }
  }
});
