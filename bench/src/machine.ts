// The machine in plain terms, and which of its cores is whose.
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { statFields } from "./processes/process-figures.ts";

export interface Cores {
  readonly server: number;
  readonly load: number;
}

export interface Machine {
  readonly description: string;
  readonly platform: NodeJS.Platform;
  /** Null: server and load generator share the cores as the system likes; `cannotPin` says why. */
  readonly cores: Cores | null;
  readonly cannotPin: string | null;
  readonly openFiles: number;
}

export function readMachine(): Machine {
  const allowed = allowedCores();
  const cannotPin = whyNotPinned(allowed);
  const [server, load] = allowed;
  return {
    description: `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${systemName()}, Bun ${Bun.version}`,
    platform: process.platform,
    cores: cannotPin === null && server !== undefined && load !== undefined ? { server, load } : null,
    cannotPin,
    openFiles: raisedOpenFiles(),
  };
}

export interface CpuTimes {
  /** Of all cores, idle or not. */
  readonly all: number;
  readonly busy: number;
  /** By this process and the ended ones that it had started. */
  readonly own: number;
}

/** In ticks since the machine started; null where it does not say (proc(5)). */
export function readCpuTimes(): CpuTimes | null {
  if (process.platform !== "linux") return null;
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, ...interrupts] =
    readFileSync("/proc/stat", "utf8").split("\n", 1)[0]?.match(/\d+/g)?.map(Number) ?? [];
  const busy = user + nice + system + interrupts.slice(0, 3).reduce((sum, ticks) => sum + ticks, 0);
  const own = statFields(process.pid).slice(11, 15).map(Number);
  return { all: busy + idle + ioWait, busy, own: own.reduce((sum, ticks) => sum + ticks, 0) };
}

/** Which share of the machine others used between two readings: with much of it, wall times say little. */
export function shareOfOthers(before: CpuTimes | null, after: CpuTimes | null): number | null {
  if (before === null || after === null) return null;
  const others = after.busy - before.busy - (after.own - before.own);
  return Math.max(0, others / (after.all - before.all));
}

/** Keeps this very process, all of its threads, on one core, or lets it back on all of them (null). */
export function pinSelf(machine: Machine, core: number | null): void {
  if (machine.cores === null) return;
  const list = core === null ? allCores : String(core);
  Bun.spawnSync(["taskset", "-acp", list, String(process.pid)], { stdout: "ignore", stderr: "ignore" });
}

const allCores = allowedCoresText();

function whyNotPinned(allowed: readonly number[]): string | null {
  if (process.platform !== "linux") return "processes are pinned to cores on Linux only";
  if (Bun.which("taskset") === null) return "taskset is not installed";
  return allowed.length < 2 ? "there is only one core" : null;
}

function allowedCoresText(): string {
  if (process.platform !== "linux") return "";
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
}

/** From a list like `0-2,5`. */
function allowedCores(): number[] {
  if (allCores === "") return [];
  return allCores.split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Raises our own limit of open files to what the system lets us have; processes started from here inherit it. */
function raisedOpenFiles(): number {
  if (process.platform !== "linux") return 0;
  const read = () => /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const wanted = 65_536;
  const hard = Number(read()?.[2] ?? 0);
  for (const limit of Bun.which("prlimit") === null ? [] : [`${wanted}:${Math.max(wanted, hard)}`, `${hard}:${hard}`]) {
    const { success } = Bun.spawnSync(["prlimit", `--nofile=${limit}`, "--pid", String(process.pid)], {
      stdout: "ignore",
      stderr: "ignore",
    });
    if (success) break;
  }
  return Number(read()?.[1] ?? 0);
}

function systemName(): string {
  if (process.platform !== "linux") return process.platform;
  try {
    return /^PRETTY_NAME="?(.+?)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}
