// The table of rooms' keys, from what was measured.
import type { Row } from "../measure.ts";
import type { Figures } from "../peers/meter.ts";
import type { Waits } from "../peers/room-clients.ts";
import { type Spread, spreadOf } from "../statistics.ts";

export type Work = "create" | "add" | "remove" | "remove alone" | "join by link" | "join by request" | "join grown";

export interface RoomSample {
  readonly work: Work;
  /** Members of the room. */
  readonly size: number;
  readonly figures: Figures;
  /** From the start of the work until the last device had the key. */
  readonly lastKeyMs: number | null;
  /** From the start of the work until then. */
  readonly serverCpuMs: number | null;
  /** Of messages that others wrote meanwhile, from "send" to "taken", in ms. */
  readonly waits: Waits | null;
  /** Bytes in the store of somebody who has this one room, table by table. */
  readonly stored: Readonly<Record<string, number>> | null;
}

interface Figure {
  readonly name: string;
  readonly unit: string;
  of(sample: RoomSample): number | null;
}

/** performance.md and the rooms issue. */
interface Target {
  readonly text: string;
  readonly limit: number;
}

const kilobytes = (bytes: number) => bytes / 1000;

const wall: Figure = { name: "", unit: "ms", of: ({ figures }) => figures.wallMs };
const cpu: Figure = { name: ", CPU time of the client", unit: "ms", of: ({ figures }) => figures.cpuMs };
const mainCpu: Figure = { name: ", of it the main thread's", unit: "ms", of: ({ figures }) => figures.mainCpuMs };
const cpuInAll: Figure = { name: ", with what follows", unit: "ms", of: ({ figures }) => figures.cpuInAllMs };
const slice: Figure = { name: ", longest slice", unit: "ms", of: ({ figures }) => figures.longestSliceMs };
const up: Figure = { name: ", sent", unit: "kB", of: ({ figures }) => kilobytes(figures.bytesUp) };
const down: Figure = { name: ", received", unit: "kB", of: ({ figures }) => kilobytes(figures.bytesDown) };
const lastKey: Figure = { name: ", until the last device has the key", unit: "ms", of: ({ lastKeyMs }) => lastKeyMs };
const serverCpu: Figure = { name: ", CPU time of the server until then", unit: "ms", of: ({ serverCpuMs }) => serverCpuMs };
const longestWait: Figure = {
  name: ", longest wait of others' messages",
  unit: "ms",
  of: ({ waits }) => (waits === null || waits.length === 0 ? null : Math.max(...waits)),
};
const kept: Figure = {
  name: ", kept by the client",
  unit: "kB",
  of: ({ stored }) => (stored === null ? null : kilobytes(roomTables.reduce((sum, name) => sum + (stored[name] ?? 0), 0))),
};
const inAll: Figure = {
  name: ", with its first page of messages",
  unit: "kB",
  of: ({ stored }) => (stored === null ? null : kilobytes(Object.values(stored).reduce((sum, bytes) => sum + bytes, 0))),
};
const chain: Figure = {
  name: ", of it the verified chain",
  unit: "kB",
  of: ({ stored }) => (stored === null ? null : kilobytes(stored.chains ?? 0)),
};

/** Where a client keeps what it must know of a room; its messages are beside. */
const roomTables = ["chains", "keyrings", "profiles", "people", "conversations"];

const figures: readonly Figure[] = [
  wall,
  cpu,
  mainCpu,
  cpuInAll,
  slice,
  up,
  down,
  lastKey,
  serverCpu,
  longestWait,
  kept,
  chain,
  inAll,
];

const sliceTarget: Target = { text: "≤ 50 ms", limit: 50 };
const joinTarget: Target = { text: "≤ 50 ms", limit: 50 };
const secondsTarget: Target = { text: "≤ 2 s", limit: 2_000 };

/** A room that grew by single joins has no target: its figures are there to be known. */
function targetOf(work: Work, figure: Figure): Target | null {
  if (work === "join grown") return null;
  if (figure === slice) return sliceTarget;
  if (figure === cpu && work.startsWith("join")) return joinTarget;
  if (figure === wall && (work === "create" || work.startsWith("remove"))) return secondsTarget;
  if (figure === longestWait) return secondsTarget;
  return figure === kept ? { text: "≤ 150 kB", limit: 150 } : null;
}

const names: Readonly<Record<Work, (size: string) => string>> = {
  create: (size) => `create a room of ${size}`,
  add: (size) => `add one to ${size}`,
  remove: (size) => `remove one of ${size}`,
  "remove alone": (size) => `remove one of ${size}, the others' devices being idle`,
  "join by link": (size) => `join ${size} by link`,
  "join by request": (size) => `join ${size} by request`,
  "join grown": (size) => `join by link after ${size} single joins`,
};

export function roomKeyRows(samples: readonly RoomSample[]): Row[] {
  const groups = Map.groupBy(samples, ({ work, size }) => `${work} ${size}`);
  return [...groups.values()].flatMap((group) => figures.flatMap((figure) => rowOf(group, figure) ?? []));
}

function rowOf(group: readonly RoomSample[], figure: Figure): Row | null {
  const [first] = group;
  const values = group.map((sample) => figure.of(sample)).filter((value) => value !== null);
  if (first === undefined || values.length === 0) return null;
  const ours: Spread = spreadOf(values);
  const target = targetOf(first.work, figure);
  return {
    what: names[first.work](first.size.toLocaleString("en")) + figure.name,
    unit: figure.unit,
    ours,
    ...(target === null ? {} : { target: { text: target.text, met: ours.median <= target.limit } }),
  };
}
