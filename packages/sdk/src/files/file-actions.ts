// What a user does with files: a part of the client that is loaded when the first one is sent or opened.
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import type { Messaging } from "../messages/messaging.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { Downloads } from "./downloads.ts";
import { fileCipherHere } from "./file-cipher.ts";
import { Files } from "./files.ts";
import { SharedFiles } from "./shared-files.ts";
import type { Uploads } from "./uploads.ts";

export interface FileActionsParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly outbox: Outbox;
  readonly messaging: Messaging;
  readonly uploads: Uploads;
}

export class FileActions {
  readonly files: Files;
  readonly downloads: Downloads;
  readonly shared: SharedFiles;

  constructor({ core, directory, outbox, messaging, uploads }: FileActionsParts) {
    const { newFileHasher, fileCipher } = core.environment;
    const cipher = fileCipher ?? fileCipherHere(newFileHasher);
    this.files = new Files({ core, messaging, uploads, cipher });
    this.downloads = new Downloads({ core, directory, outbox, cipher });
    this.shared = new SharedFiles(directory);
  }
}
