// What a client computes for one key and for one message, beside the native primitives alone.
import {
  createGenesis,
  generateSealKeyPair,
  openMessage,
  openSealed,
  randomBytes,
  sealMessage,
  sealTo,
  sha256,
  sign,
  verify,
  zeroHash,
} from "@cychat/crypto";
import { type AccountId, encodeCbor, labels, newMessageId, signedBytes } from "@cychat/protocol";
import { pinSelf } from "../machine.ts";
import { inTurns, type Measure, type MeasureContext, type Outcome, type Row, type Scale } from "../measure.ts";
import { nativePrimitives } from "../peers/native-primitives.ts";
import { randomText } from "../people/pair.ts";
import { createKeys } from "../people/person.ts";
import { ratioOf, spreadOf } from "../statistics.ts";

interface Plan {
  readonly rounds: number;
  /** Of one side of one round. */
  readonly operations: number;
  /** Before the clock starts: until the runtime has compiled all of it. */
  readonly warmUp: number;
}

const plans: Readonly<Record<Scale, Plan>> = {
  full: { rounds: 7, operations: 250, warmUp: 4_000 },
  quick: { rounds: 3, operations: 100, warmUp: 2_000 },
  smoke: { rounds: 1, operations: 2, warmUp: 1 },
};

type Operation = () => Promise<unknown>;

interface Comparison {
  readonly what: string;
  readonly ours: Operation;
  readonly native: Operation;
  readonly nativeName: string;
  /** In µs. */
  readonly limit?: number;
}

/** performance.md, "client": encrypt and sign, open and verify. */
const messageLimitUs = 300;

export const cryptography: Measure = { name: "crypto", title: "Cryptography of one client", run: measure };

async function measure(context: MeasureContext): Promise<Outcome> {
  const { scale, machine, say } = context;
  const plan = plans[scale];
  const comparisons = [...(await ofKeys()), ...(await ofMessages(100, "100 B")), ...(await ofMessages(10_000, "10 kB"))];
  pinSelf(machine, machine.cores?.load ?? null);
  const rows: Row[] = [];
  for (const comparison of comparisons) {
    say(comparison.what);
    rows.push(...(await compare(context, comparison, plan)));
  }
  pinSelf(machine, null);
  return {
    rows,
    notes: [
      `One operation after the other on one core, after ${plan.warmUp} of the same; hops between WebCrypto's threads are in it. ` +
        "Sizes are those of the text.",
    ],
    notMeasured: [],
  };
}

async function compare(
  context: MeasureContext,
  { what, ours, native, nativeName, limit }: Comparison,
  { rounds, operations, warmUp }: Plan,
): Promise<Row[]> {
  const own: Cost[] = [];
  const alone: Cost[] = [];
  await costOf(ours, warmUp);
  await costOf(native, operations);
  await inTurns(context, rounds, [
    async () => void own.push(await costOf(ours, operations)),
    async () => void alone.push(await costOf(native, operations)),
  ]);
  const row = (name: string, of: keyof Cost): Row => {
    const mine = own.map((cost) => cost[of]);
    const theirs = alone.map((cost) => cost[of]);
    return {
      what: name,
      unit: "µs",
      ours: spreadOf(mine),
      beside: { name: nativeName, value: spreadOf(theirs) },
      ratio: ratioOf(mine, theirs),
    };
  };
  const cpu = row(`${what}, CPU time`, "cpuUs");
  // Of the CPU time: nothing here waits for anything, so the rest of the wall time is somebody else's.
  const target = limit === undefined ? {} : { target: { text: `≤ ${limit} µs`, met: cpu.ours.median <= limit } };
  return [row(what, "wallUs"), { ...cpu, ...target }];
}

interface Cost {
  readonly wallUs: number;
  readonly cpuUs: number;
}

async function costOf(operation: Operation, times: number): Promise<Cost> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  for (let count = 0; count < times; count++) await operation();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wallUs: (wallMs * 1000) / times, cpuUs: (user + system) / times };
}

async function ofKeys(): Promise<Comparison[]> {
  const pair = await generateSealKeyPair();
  const info = encodeCbor([labels.seal, "bench"]);
  const secret = randomBytes(32);
  const sealed = await sealTo(pair.publicKey, info, secret);
  const { device } = await createKeys(crypto.randomUUID() as AccountId);
  const payload = randomBytes(200);
  const signed = await sign(device.privateKey, labels.message, payload);
  const bytes = signedBytes(labels.message, payload);
  const native = await nativePrimitives(bytes);
  const kem = "ML-KEM-768 and ECDH alone";
  const ecdsa = "ECDSA alone";
  return [
    { what: "seal a key (HPKE)", ours: () => sealTo(pair.publicKey, info, secret), native: native.encapsulate, nativeName: kem },
    { what: "open a sealed key (HPKE)", ours: () => openSealed(pair, info, sealed), native: native.decapsulate, nativeName: kem },
    {
      what: "sign",
      ours: () => sign(device.privateKey, labels.message, payload),
      native: () => native.sign(bytes),
      nativeName: ecdsa,
    },
    { what: "verify", ours: () => verify(device.publicKey, labels.message, signed), native: native.verify, nativeName: ecdsa },
  ];
}

async function ofMessages(textBytes: number, size: string): Promise<Comparison[]> {
  const [author, peer] = await Promise.all([
    createKeys(crypto.randomUUID() as AccountId),
    createKeys(crypto.randomUUID() as AccountId),
  ]);
  const { state: chain, epochKey, record } = await createGenesis({ account: author.state, device: author.device }, peer.state);
  const message = {
    conversation: chain.conversation,
    epoch: 1,
    epochKey,
    account: author.state.account,
    device: author.device,
    recordHash: await sha256(record.payload),
    sentAtMs: Date.now(),
    counter: 1,
    prev: zeroHash(),
    content: { kind: "text", text: randomText(textBytes), mentions: [] },
  } as const;
  const seal = () => sealMessage({ ...message, messageId: newMessageId() });
  const { bytes } = await seal();
  const native = await nativePrimitives(bytes);
  const ciphertext = await native.encrypt(bytes);
  return [
    {
      what: `encrypt and sign a message of ${size}`,
      ours: seal,
      native: async () => {
        await native.sign(bytes);
        await native.encrypt(bytes);
      },
      nativeName: "ECDSA and AES-GCM alone",
      limit: messageLimitUs,
    },
    {
      what: `open and verify a message of ${size}`,
      ours: () => openMessage(bytes, { chain, epochKey, author: author.state }),
      native: async () => {
        await native.decrypt(ciphertext);
        await native.verify();
      },
      nativeName: "ECDSA and AES-GCM alone",
      limit: messageLimitUs,
    },
  ];
}
