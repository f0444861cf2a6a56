import { endpoints, uploadsPath } from "@cychat/protocol";
import type { Api } from "../http/route.ts";
import { fileAnswer } from "./file-answer.ts";
import type { FileService } from "./service.ts";

export function routeFiles(api: Api, files: FileService): void {
  api.mount(uploadsPath, files.answerUpload);
  // Before the file's own address, which has the same form.
  api.route(endpoints.fileQuota, ({ principal }) => files.quota(principal.account));
  api.route(endpoints.file, async ({ principal, params, headers }) =>
    fileAnswer(params.id, await files.read(principal.account, params.id), headers),
  );
}
