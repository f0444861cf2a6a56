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

type Secrets = Readonly<Record<string, readonly string[]>>;

/** Where any of the secrets lies: in a file of the server's, in its log, or on the wire. */
async function found(server: ServerProcess, wire: TcpProxy, secrets: Secrets): Promise<string[]> {
  const places: [string, Buffer][] = [
    ...(await filesBelow(server.dataFolder)),
    ...(await filesBelow(server.uploadFolder)),
    ["the log", Buffer.from(await server.log())],
    ["the wire", wire.captured()],
  ];
  expect(places.some(([name]) => name.endsWith(".db"))).toBe(true);
  return places.flatMap(([name, bytes]) =>
    Object.entries(secrets)
      .filter(([, texts]) => texts.some((text) => spellings(text).some((form) => bytes.includes(form))))
      .map(([what]) => `${what} in ${name}`),
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

  const secrets: Secrets = {
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
  expect(await found(server, wire, secrets)).toEqual([]);
  expect(await server.stop()).toBe(0);
  expect(await found(server, wire, secrets)).toEqual([]);
  expect(await server.log()).not.toContain("alice");
}, 60_000);

test("of a room neither name, topic, picture, messages, pins nor the secret of its link are readable, but the handle is", async () => {
  await using server = await ServerProcess.start();
  await using wire = await TcpProxy.start({ targetPort: server.port, record: true });
  await using alice = await newPerson("Alice", { url: wire.url });
  await using bob = await newPerson("Bob", { url: wire.url });
  await using carol = await newPerson("Carol", { url: wire.url });
  await befriend(bob, alice);
  const contact = await alice.client.addContact({ email: bob.email });
  const picture = new Uint8Array(await Bun.file(join(import.meta.dir, "../../docs/images/logo.png")).arrayBuffer()).slice(
    0,
    90_000,
  );
  const name = "Conspiracy of the seven gardeners";
  const topic = "Where the roses are to be planted at midnight";
  const { id } = await alice.client.createRoom({
    name,
    topic,
    picture: { bytes: picture, type: "image/png" },
    join: "invitation",
    history: "shared",
    people: [contact.id],
  });
  const said = "Bring the watering can behind the greenhouse";
  const { id: message } = await alice.client.sendText(id, said, { mentions: ["all"] });
  await until(bob.client, async () => (await bob.client.conversations()).some((talk) => talk.lastMessage?.text === said));
  await alice.client.editText(id, message, `${said}, and a spade`);
  await until(bob.client, async () =>
    (await bob.client.conversations()).some((talk) => talk.lastMessage?.text.endsWith("spade")),
  );
  await alice.client.setPinned(id, message, true);
  const { link } = await alice.client.createInvite(id, { expiresInMs: 3600_000, uses: 3 });
  await carol.client.joinByInvite(link ?? "");
  await until(carol.client, async () => (await carol.client.conversations()).some(({ title }) => title === name));
  const second = "Society of the quiet lamplighters";
  await alice.client.updateRoom(id, { name: second });
  await until(bob.client, async () => (await bob.client.conversations()).some(({ title }) => title === second));
  await alice.client.createRoom({ name: "A handle in clear", join: "open", history: "shared" });
  const secrets: Secrets = {
    name: [name, second],
    topic: [topic, "planted at midnight"],
    message: [said, "and a spade"],
    "invite secret": [link?.split(".").at(-1) ?? ""],
  };
  expect(await found(server, wire, secrets)).toEqual([]);
  const somewhere = picture.slice(1000, 1064);
  const places = [...(await filesBelow(server.dataFolder)), ...(await filesBelow(server.uploadFolder))];
  for (const bytes of [...places.map(([, content]) => content), wire.captured()]) expect(bytes.includes(somewhere)).toBe(false);
  expect(wire.captured().includes("A handle in clear")).toBe(true);
  expect(await server.stop()).toBe(0);
  expect(await found(server, wire, secrets)).toEqual([]);
  for (const secret of ["A handle in clear", id]) expect(await server.log()).not.toContain(secret);
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
