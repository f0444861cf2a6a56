import { describe, expect, test } from "bun:test";
import { argon2Sync, createHash, hkdfSync } from "node:crypto";
import { encodeCbor, fromBase64url } from "@cychat/protocol";
import { isOneOf, kindOfSecret, Passwords, recoveryVerifier } from "./password.ts";
import { WorkGate } from "./work-gate.ts";

const passwords = new Passwords("a secret of the server that is long enough to be one");
const salt = Buffer.alloc(32, 3).toString("base64url");

describe("a raw password", () => {
  test("is split as the design says: salt over label, address and server salt, Argon2id, HKDF", async () => {
    const nonce = createHash("sha256")
      .update(encodeCbor(["cychat/v1/password-salt", "alice@example.org", fromBase64url(salt)]))
      .digest();
    const stretched = argon2Sync("argon2id", {
      message: "correct horse",
      nonce,
      parallelism: 1,
      tagLength: 32,
      memory: 65_536,
      passes: 3,
    });
    const secret = Buffer.from(hkdfSync("sha256", stretched, new Uint8Array(0), encodeCbor(["cychat/v1/password-auth"]), 32));
    expect(await passwords.split(" Alice@Example.org ", "correct horse", salt)).toBe(
      `cychat-auth-v1.password.${secret.toString("base64url")}`,
    );
  });

  test("is the same however its accents were typed", async () => {
    expect(await passwords.split("a@b", "caf\u00e9 noir", salt)).toBe(await passwords.split("a@b", "cafe\u0301 noir", salt));
  });

  test("splits to what packages/crypto says in its vectors", async () => {
    const file = Bun.file(new URL("../../../../packages/crypto/vectors/password.json", import.meta.url));
    const { email, password, serverSalt, authSecret } = await file.json();
    expect(await passwords.split(email, password, Buffer.from(serverSalt, "hex").toString("base64url"))).toBe(authSecret);
  });
});

describe("a verifier", () => {
  test("knows its secret, no other, and none at all for nobody, who costs the same work", async () => {
    const work: string[] = [];
    const counting = new (class extends WorkGate {
      override run<T>(job: () => Promise<T>): Promise<T> {
        work.push("verify");
        return super.run(job);
      }
    })({ maxRunning: 2, maxWaiting: 10 });
    const counted = new Passwords("s".repeat(32), { verifiers: counting, splits: counting });
    const verifier = await passwords.hash("secret one");
    expect(verifier).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(await counted.verify("secret one", verifier)).toBe(true);
    expect(await counted.verify("secret two", verifier)).toBe(false);
    expect(await counted.verify("x", null)).toBe(false);
    expect(work).toHaveLength(3);
  });
});

describe("nobody's salt", () => {
  test("looks like any other, is the same each time, and follows the server's secret", () => {
    const nobodys = passwords.saltOfNobody("nobody@example.org");
    expect(nobodys).toHaveLength(passwords.newSalt().length);
    expect(passwords.saltOfNobody(" NOBODY@example.org")).toBe(nobodys);
    expect(passwords.saltOfNobody("nobody@example.com")).not.toBe(nobodys);
    expect(new Passwords("t".repeat(32)).saltOfNobody("nobody@example.org")).not.toBe(nobodys);
  });
});

test("secrets are told apart by their form", () => {
  expect(kindOfSecret(`cychat-auth-v1.password.${"A".repeat(43)}`)).toBe("password");
  expect(kindOfSecret(`cychat-auth-v1.recovery.${"A".repeat(43)}`)).toBe("recovery");
  expect(kindOfSecret(`cychat-auth-v1.passkey.${"A".repeat(43)}`)).toBe("raw");
  expect(kindOfSecret("correct horse battery staple")).toBe("raw");
});

test("a recovery verifier is found among several, and not when it is not there", () => {
  const mine = recoveryVerifier("one");
  expect(isOneOf(mine, [recoveryVerifier("two"), mine])).toBe(true);
  expect(isOneOf(mine, [recoveryVerifier("two")])).toBe(false);
  expect(isOneOf(mine, [])).toBe(false);
});
