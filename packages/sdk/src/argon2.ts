// Argon2id by itself, for the worker of a page: importing it brings nothing else along.
export { wasmArgon2id } from "@cychat/crypto";
