import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Something the person at the keyboard can act on: shown as one line, without a stack. */
export class PlainError extends Error {}

/** Runs a script's main function; its answer is the exit code. */
export async function main(body) {
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0;
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Starts a command in the foreground and passes our signals on to it. `ended` settles with its exit code. */
export function start(command, args, { cwd = root, env = {}, stdio = "inherit", timeoutMs } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
  const stopForwarding = forwardSignals(child);
  const timer = timeoutMs && setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  }).finally(() => {
    clearTimeout(timer);
    stopForwarding();
  });
  return { child, ended };
}

function forwardSignals(child) {
  const forward = (signal) => {
    // Ctrl-C in a terminal reaches the whole group by itself; sent twice it would read as "stop at once".
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  // npm passes a signal on to its shell alone, which dies of it without telling us.
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (!process.env.npm_lifecycle_event || process.ppid === shell) return;
    clearInterval(watch);
    child.kill();
  }, 250);
  process.on("SIGINT", forward).on("SIGTERM", forward);
  return () => {
    clearInterval(watch);
    process.off("SIGINT", forward).off("SIGTERM", forward);
  };
}

export const run = (command, args, options) => start(command, args, options).ended;

/** Runs a command silently; answers its exit code and everything it printed. */
export async function capture(command, args, options) {
  const { child, ended } = start(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  return { code: await ended, output };
}
