// CPU time and memory of another process, from Linux's /proc (proc(5)). Elsewhere there is none to be had.
import { readdirSync, readFileSync } from "node:fs";

/** USER_HZ is 100 on every Linux that we know of; sysconf would say so, but Bun does not ask it. */
const ticksPerSecond = 100;

export const canReadProcesses = process.platform === "linux";

/** CPU time of all threads, in user and kernel mode, in steps of 10 ms. */
export function cpuMsOf(pid: number): number {
  // Fields 14 and 15 of the file, counted from 1.
  const fields = statFields(pid);
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** Memory that is in RAM, shared pages (the program file) included. */
export function residentBytesOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!match) throw new Error("no VmRSS in /proc");
  return Number(match[1]) * 1024;
}

/** The ids of everything that descends from a process. */
export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const own = children.get(next) ?? [];
    found.push(...own);
    open.push(...own);
  }
  return found;
}

function parentOf(pid: number): number | null {
  try {
    return Number(statFields(pid)[1]);
  } catch {
    return null;
  }
}

/** The fields of /proc/<pid>/stat from the third one (the state) on; the second is a name and may hold anything. */
export function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
