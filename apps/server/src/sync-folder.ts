// Makes the names in a folder durable: syncing a file does not sync its name.
import { open } from "node:fs/promises";

export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; its file system journals names.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
