import { expect, test } from "bun:test";
import { labels } from "@cychat/protocol";
import { argon2id } from "hash-wasm";
import { checkVector } from "../testing/vectors.ts";
import { refusal } from "../testing/world.ts";
import { type Argon2id, assertStrongParameters, derivePasswordSecrets, passwordSalt } from "./password.ts";
import { aesSeal, hkdf } from "./primitives.ts";

const parameters = { memoryKib: 64 * 1024, passes: 3, lanes: 1 };
const serverSalt = Uint8Array.from({ length: 32 }, (_, index) => index);
const fake: Argon2id = async (password, salt) =>
  Uint8Array.from({ length: 32 }, (_, index) => (salt[index] ?? 0) ^ password.length);

test("hash-wasm gives the answer of Argon2's reference implementation", async () => {
  // phc-winner-argon2's test.c: Argon2id v=19, t=2, m=256 KiB, p=1. (RFC 9106 section 5.3 uses associated data, which
  // hash-wasm does not take.)
  const options = {
    password: "password",
    salt: "somesalt",
    iterations: 2,
    memorySize: 256,
    parallelism: 1,
    hashLength: 32,
  } as const;
  expect(await argon2id({ ...options, outputType: "hex" })).toBe(
    "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
  );
});

test("vectors/password.json", async () => {
  let secret = "";
  const input = { email: " Ada@Example.ORG ", password: "correct horse battery Stäple", serverSalt, parameters };
  const keeping: Argon2id = async (password, salt, { memoryKib, passes, lanes }) => {
    const bytes = await argon2id({
      password,
      salt,
      memorySize: memoryKib,
      iterations: passes,
      parallelism: lanes,
      hashLength: 32,
      outputType: "binary",
    });
    secret = bytes.toHex();
    return bytes;
  };
  const { authSecret } = await derivePasswordSecrets(input, keeping);
  await checkVector("password", {
    about: "password.ts, steps 1 to 5. The password is given decomposed (NFD) here, and normalized to NFC first.",
    email: input.email,
    password: input.password.normalize("NFD"),
    serverSalt: serverSalt.toHex(),
    parameters,
    salt: (await passwordSalt(input.email, serverSalt)).toHex(),
    argon2id: secret,
    authSecret,
    kek: (await hkdf(Uint8Array.fromHex(secret), [labels.passwordKek])).toHex(),
  });
  const { authSecret: decomposed } = await derivePasswordSecrets({ ...input, password: input.password.normalize("NFD") });
  expect(decomposed).toBe(authSecret);
});

test("the halves depend on every input and the KEK cannot be read out", async () => {
  const input = { email: "a@example.org", password: "12345678", serverSalt, parameters };
  const base = await derivePasswordSecrets(input, fake);
  expect(base.authSecret).toMatch(/^cychat-auth-v1\.password\.[A-Za-z0-9_-]{43}$/);
  expect(base.kek.extractable).toBe(false);
  await expect(crypto.subtle.exportKey("raw", base.kek)).rejects.toThrow();
  await aesSeal(base.kek, new Uint8Array(0), new Uint8Array(1));
  for (const change of [{ email: "b@example.org" }, { password: "123456789" }, { serverSalt: new Uint8Array(32) }]) {
    expect((await derivePasswordSecrets({ ...input, ...change }, fake)).authSecret).not.toBe(base.authSecret);
  }
});

test("parameters below the floor, above the ceiling or absurd are refused before any work", async () => {
  const wrong = [
    { memoryKib: 64 * 1024 - 1 },
    { memoryKib: 256 * 1024 + 1 },
    { passes: 2 },
    { passes: 7 },
    { lanes: 0 },
    { lanes: 2 },
    { passes: Number.NaN },
    { memoryKib: 65_536.5 },
    { passes: Number.POSITIVE_INFINITY },
  ];
  for (const change of wrong)
    expect(await refusal(() => assertStrongParameters({ ...parameters, ...change }))).toBe("weak-parameters");
  const never: Argon2id = () => {
    throw new Error("must not run");
  };
  const input = { email: "a@example.org", password: "12345678", serverSalt, parameters: { ...parameters, passes: 1 } };
  expect(await refusal(derivePasswordSecrets(input, never))).toBe("weak-parameters");
  expect(await refusal(derivePasswordSecrets({ ...input, parameters, serverSalt: new Uint8Array(16) }, never))).toBe(
    "weak-parameters",
  );
});
