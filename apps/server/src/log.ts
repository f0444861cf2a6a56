// Structured logs: one JSON object a line. Never content, keys, tokens or addresses: only what happened.
export type LogLevel = "debug" | "info" | "warn" | "error";

/** `cause` is an error: its name, message and stack are logged. */
export interface LogFields {
  readonly cause?: unknown;
  readonly [field: string]: unknown;
}

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

const order: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function createLog(lowest: LogLevel | "silent", write: (line: string) => void = writeLine): Log {
  const from = lowest === "silent" ? order.length : order.indexOf(lowest);
  const at = (level: LogLevel) =>
    order.indexOf(level) < from
      ? () => {}
      : (event: string, fields: LogFields = {}) =>
          write(JSON.stringify({ at: new Date().toISOString(), level, event, ...plain(fields) }));
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function plain(fields: LogFields): object {
  if (!("cause" in fields)) return fields;
  const { cause, ...rest } = fields;
  const error =
    cause instanceof Error ? { name: cause.name, message: cause.message, stack: cause.stack } : { message: typeof cause };
  return { ...rest, error };
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
