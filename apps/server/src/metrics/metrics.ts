// What an operator can watch: numbers about the server, none about people.
import type { RefusalCode } from "@cychat/protocol";
import { Registry } from "./registry.ts";

export interface Metrics {
  messageAccepted(): void;
  messageRefused(code: RefusalCode): void;
  committed(batchSize: number, durationMs: number): void;
  answered(status: number): void;
  connectionOpened(): void;
  connectionClosed(): void;
  connectionTooSlow(): void;
  text(): string;
  close(): void;
}

const lagSampleMs = 500;

export function createMetrics(): Metrics {
  const registry = new Registry();
  let connections = 0;
  let lagSeconds = 0;

  registry.gauge("cychat_connections", "Open sockets.", () => connections);
  const accepted = registry.counter("cychat_messages_accepted_total", "Messages that were stored and acknowledged.");
  const refused = registry.counter("cychat_messages_refused_total", "Messages that were refused, by code.", "code");
  const batchSizes = registry.histogram(
    "cychat_commit_batch_messages",
    "Messages committed together.",
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
  );
  const commitSeconds = registry.histogram(
    "cychat_commit_seconds",
    "From handing a batch to the database to its commit.",
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  );
  const answers = registry.counter("cychat_http_answers_total", "API answers, by status.", "status");
  const tooSlow = registry.counter("cychat_connections_too_slow_total", "Sockets closed because their client did not keep up.");
  registry.gauge("cychat_event_loop_lag_seconds", "How late the last timer fired.", () => lagSeconds);
  registry.gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  registry.gauge("process_uptime_seconds", "Time since the start.", () => Math.round(process.uptime()));

  let dueAt = performance.now() + lagSampleMs;
  const timer = setInterval(() => {
    const now = performance.now();
    lagSeconds = Math.max(0, now - dueAt) / 1000;
    dueAt = now + lagSampleMs;
  }, lagSampleMs);

  return {
    messageAccepted: () => accepted.add(),
    messageRefused: (code) => refused.add(code),
    committed: (batchSize, durationMs) => {
      batchSizes.observe(batchSize);
      commitSeconds.observe(durationMs / 1000);
    },
    answered: (status) => answers.add(String(status)),
    connectionOpened: () => {
      connections += 1;
    },
    connectionClosed: () => {
      connections -= 1;
    },
    connectionTooSlow: () => tooSlow.add(),
    text: () => registry.text(),
    close: () => clearInterval(timer),
  };
}
