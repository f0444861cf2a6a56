// Seeded runs of everything together; `npm run simulate` takes any other seed. Every day has seeds of its own, named in the
// tests, and SIMULATION_SEED repeats those of another day. A seed that once failed stays here under its name.
import { expect, test } from "bun:test";
import { type RunOptions, run } from "./run.ts";

const dayMs = 24 * 3600_000;
const base = Number(process.env.SIMULATION_SEED ?? (Math.floor(Date.now() / dayMs) % 100_000) * 1_000);

/** Many short runs meet more beginnings; a few long ones, what comes of them. */
const kinds = [
  { runs: 200, steps: 14 },
  { runs: 6, steps: 60 },
] as const;

let seed = base;
for (const { runs, steps } of kinds) {
  for (const end = seed + runs; seed < end; seed++) simulate("", { seed, steps });
}

const metInDirectChats = [
  [124, "what was read without a connection is told at the next one"],
  [216, "unread messages that the server counted are not counted again when one scrolls back to them"],
  [3017, "a device that logs in while another one rolls the encryption key is not told of a rollback"],
  [4028, "a late answer does not bring back a conversation that was blocked meanwhile"],
  [4079, "what is written while everything is deleted may be among it"],
  [1012, "the devices of somebody who got a request need not agree on how far it was read"],
] as const;

const metInRooms = [
  [121, "what a room is called is read at the next connection where it could not be read at first"],
  [135, "the key of one's own record is fetched when the answer to that record was lost"],
  [141, "a room that was deleted with its keyrings is no rollback"],
  [155, "a client without a network does not ask in circles while a room waits to be read"],
  [175, "a room that one left while the network went is forgotten on the server, too"],
  [185, "who deleted a message is the same for everybody, whoever was first"],
  [209, "a wish to come in again that is turned down leaves what is here of an earlier stay"],
  [345, "how a membership ended is asked again where it could not be asked"],
  [357, "an erased message is no alarm for who could not read its deletion"],
  [361, "a room that another device took off the list is not one that the server hides"],
  [620, "who comes in by a link under joined history learns the name with the next key"],
  [641, "nothing is erased for a deletion that does not count any more"],
  [385, "who has left a room does not count among those who have read a message"],
  [2544521299, "what another device reads while a new one waits for its first list is read there, too"],
  [912781045, "edits and deletions that are erased with their room look like erased messages to who had not read them"],
  [745973204, "whoever was away is told that somebody waits to be let in, or does not any more"],
  [745974198, "what is erased with a deleted room is no alarm for who had not read it"],
  [298609058, "who is let in while the server is asked what became of the request was not turned down"],
  [298609061, "who deleted an erased message is known to those, too, who read it as erased"],
] as const;

const metInLongRuns = [
  [745973300, 100, "a change is for everybody who is in when it is made, also who may not read the message itself"],
  [2544522257, 200, "who was out while a message was changed, and may not read it, shows it as it was"],
  [480275356, 200, "a new device knows what a room is called, whoever renewed its key"],
  [91000214, 100, "a record that lets somebody in is read with their newest keys"],
  [91000108, 100, "who comes in by a link has its keys, also when the answer is lost"],
  [92000195, 100, "a letter that came with a record that was not known yet is opened once it is"],
  [93000072, 100, "what is sealed to an encryption key before the next one is published is read"],
  [93000561, 100, "what was erased after one has left is no alarm"],
  [94000013, 100, "what was said and erased while one was out leaves no trace under joined history"],
  [595029904, 100, "a message that was erased while one was out is no gap before the next one"],
] as const;

for (const [met, what] of metInDirectChats) simulate(what, { seed: met, steps: 60, rooms: false });
for (const [met, what] of metInRooms) simulate(what, { seed: met, steps: 40 });
for (const [met, steps, what] of metInLongRuns) simulate(what, { seed: met, steps });

function simulate(what: string, options: RunOptions): void {
  const { seed, steps, rooms } = options;
  const command = `npm run simulate -- --seed ${seed} --steps ${steps}${rooms === false ? " --direct" : ""}`;
  test(`seed ${seed} (${command})${what && `: ${what}`}`, async () => {
    const { records, messages } = await run(options);
    expect(records).toBeGreaterThan(0);
    if (steps >= 40) expect(messages).toBeGreaterThan(0);
  }, 120_000);
}
