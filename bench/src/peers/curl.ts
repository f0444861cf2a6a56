// What plain curl does with the same bytes: uploads them in one request, downloads them into a file.
import { apiBase, uploadsPath } from "@cychat/protocol";
import { CannotMeasure } from "../measure.ts";

export interface CurlUser {
  readonly url: string;
  readonly token: string;
  readonly conversation: string;
  readonly core: number | null;
}

const tusHeaders = ["Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream"];

const bearer = ({ token }: CurlUser) => ["-H", `Authorization: Bearer ${token}`];

async function curl(core: number | null, given: readonly string[], isPolite = false): Promise<string> {
  const program = Bun.which("curl");
  if (program === null) throw new CannotMeasure("there is no curl here");
  const pinned = core === null ? [] : ["taskset", "-c", String(core)];
  const last = isPolite ? ["nice", "-n", "19"] : [];
  const child = Bun.spawn([...pinned, ...last, program, "--silent", "--show-error", "--fail-with-body", ...given], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, problem, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new CannotMeasure(`curl ended with ${code}: ${problem.trim()}`);
  return output;
}

/** Makes an upload, which takes no time that counts: where its bytes go. */
export async function beginUpload(user: CurlUser, bytes: number): Promise<string> {
  const response = await fetch(`${user.url}${apiBase}${uploadsPath}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${user.token}`,
      "tus-resumable": "1.0.0",
      "upload-length": String(bytes),
      "upload-metadata": `conversation ${btoa(user.conversation)}`,
    },
  });
  const location = response.headers.get("location");
  if (response.status !== 201 || location === null) throw new CannotMeasure(`an upload was answered ${response.status}`);
  return new URL(location, response.url).href;
}

/** `curl -T`: all of it in one request, durable when it is answered. */
export async function upload(user: CurlUser, to: string, path: string): Promise<void> {
  await curl(user.core, [...bearer(user), ...tusHeaders.flatMap((header) => ["-H", header]), "-X", "PATCH", "-T", path, to]);
}

/**
 * Many of them at once, by one process, which does not take the processor from whoever measures beside it. `config`: a file
 * that can be written.
 */
export async function uploadTogether(uploads: readonly (readonly [user: CurlUser, to: string])[], path: string, config: string) {
  const sections = uploads.map(([{ token }, to]) =>
    [`Authorization: Bearer ${token}`, ...tusHeaders]
      .map((header) => `header = "${header}"`)
      .concat('request = "PATCH"', `upload-file = "${path}"`, `url = "${to}"`, "silent", "show-error", "fail")
      .join("\n"),
  );
  await Bun.write(config, sections.join("\nnext\n"));
  const core = uploads[0]?.[0].core ?? null;
  await curl(core, ["--parallel", "--parallel-immediate", "--parallel-max", String(uploads.length), "--config", config], true);
}

export async function download(user: CurlUser, upload: string, into: string): Promise<void> {
  const id = upload.split("/").at(-1) ?? "";
  await curl(user.core, [...bearer(user), "-o", into, `${user.url}${apiBase}/files/${id}`]);
}

/** So many random bytes in a file: nothing on the way can make them fewer. */
export async function randomFile(path: string, bytes: number): Promise<void> {
  const writer = Bun.file(path).writer();
  const block = new Uint8Array(65_536);
  for (let left = bytes; left > 0; left -= block.length) {
    crypto.getRandomValues(block);
    writer.write(block.subarray(0, Math.min(left, block.length)));
    await writer.flush();
  }
  await writer.end();
}
