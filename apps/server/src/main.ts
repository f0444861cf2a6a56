// Starts the server from the environment, and ends it when it is told to.
import { ConfigError, loadConfig } from "./config.ts";
import { createLog } from "./log.ts";
import { startServer } from "./server.ts";

const stopWithinMs = 10_000;

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLog("info");
  const server = await startServer({ config, log });
  const stop = async (signal: string) => {
    log.info("stopping", { signal });
    setTimeout(() => process.exit(1), stopWithinMs).unref();
    await server.stop();
    log.info("stopped");
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => void stop(signal));
  process.on("unhandledRejection", (cause) => log.error("unhandled-rejection", { cause }));

  const shownAddress = config.publicUrl ?? server.url.replace("//0.0.0.0:", "//localhost:").replace("//[::]:", "//localhost:");
  process.stdout.write(`CyChat is ready at ${shownAddress}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(error instanceof ConfigError ? `${error.message}\n` : `CyChat could not start: ${startFailure(error)}\n`);
  process.exit(1);
});

function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && error.code === "EADDRINUSE" ? "the port is taken (PORT)" : (error.stack ?? error.message);
}
