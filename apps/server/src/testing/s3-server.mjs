// The S3 server of the tests, as a process of its own: `node --openssl-legacy-provider s3-server.mjs <folder> <bucket> <port>`.
// (Its continuation tokens are made with DES.) It says where it answers, and ends with its standard input.
import { createRequire } from "node:module";
import S3rver from "@20minutes/s3rver";

// It checks signatures over the path without the slash at the end, which lists of a bucket are signed with by others.
const v4 = createRequire(import.meta.url)("@20minutes/s3rver/lib/signature/v4");
const { getStringToSign } = v4;
v4.getStringToSign = (request, signing) => {
  const isBucket = !request.uri.slice(1).includes("/");
  return getStringToSign(isBucket ? { ...request, uri: `${request.uri}/` } : request, signing);
};

const [directory, bucket, port] = process.argv.slice(2);
const server = new S3rver({
  address: "127.0.0.1",
  port: Number(port),
  silent: true,
  directory,
  configureBuckets: [{ name: bucket }],
});
const address = await server.run();
process.stdout.write(`http://127.0.0.1:${address.port}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
