// Files are encrypted and decrypted in a worker, so that a page stays quick: both ends of what the two say to each other.
// One segment at a time, when it is asked for: whoever is slower sets the pace, and memory stays constant.
import type { FileSecret, ReadBytes } from "@cychat/crypto";
import { ClientError, toClientError } from "../client-error.ts";
import { type FileCipher, fileCipherHere } from "./file-cipher.ts";

type Bytes = Uint8Array<ArrayBuffer>;

type Work =
  | { readonly kind: "seal"; readonly secret: FileSecret; readonly file: Blob }
  | { readonly kind: "open"; readonly secret: FileSecret; readonly size: number; readonly hash: Bytes };

type Question =
  | { readonly id: number; readonly begin: Work }
  | { readonly id: number; readonly next: true }
  | { readonly id: number; readonly end: true }
  /** What was asked for with `read`; null: it could not be had, and whoever asked knows why. */
  | { readonly id: number; readonly bytes: Bytes | null };

type Answer =
  | { readonly id: number; readonly segment: Blob }
  /** `hash`: of a blob that was encrypted. */
  | { readonly id: number; readonly done: true; readonly hash: Bytes | undefined }
  | { readonly id: number; readonly read: readonly [from: number, to: number] }
  | { readonly id: number; readonly code: string; readonly message: string };

export type { FileCipher } from "./file-cipher.ts";

/** A worker, from outside or from inside. */
export interface WorkerPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

interface OpenWorker extends WorkerPort {
  onerror: ((event: never) => void) | null;
  terminate(): void;
}

/** In the worker: does what the page asks for. */
export function serveFileCipher(port: WorkerPort, cipher: FileCipher = fileCipherHere()): void {
  const running = new Map<
    number,
    { readonly steps: AsyncGenerator<Blob, Bytes | undefined>; given: (bytes: Bytes | null) => void }
  >();
  const post = (answer: Answer) => port.postMessage(answer, []);

  function begin(id: number, work: Work): void {
    const read: ReadBytes = async (from, to) => {
      const { promise, resolve } = Promise.withResolvers<Bytes | null>();
      const job = running.get(id);
      if (job !== undefined) job.given = resolve;
      post({ id, read: [from, to] });
      const bytes = await promise;
      if (bytes === null) throw new ClientError("closed");
      return bytes;
    };
    const inTurn = oneAtATime(read);
    const steps =
      work.kind === "seal" ? cipher.seal(work.secret, work.file) : cipher.open(work.secret, work.size, work.hash, inTurn);
    running.set(id, { steps, given: () => {} });
  }

  async function next(id: number): Promise<void> {
    const job = running.get(id);
    if (job === undefined) return;
    try {
      const step = await job.steps.next();
      if (step.done === true) running.delete(id);
      post(step.done === true ? { id, done: true, hash: step.value } : { id, segment: step.value });
    } catch (error) {
      running.delete(id);
      const { code, message } = toClientError(error);
      post({ id, code, message });
    }
  }

  port.onmessage = ({ data }) => {
    const question = data as Question;
    const { id } = question;
    if ("begin" in question) begin(id, question.begin);
    else if ("next" in question) void next(id);
    else if ("bytes" in question) running.get(id)?.given(question.bytes);
    else {
      const job = running.get(id);
      running.delete(id);
      job?.given(null);
      job?.steps.return(undefined).catch(() => {});
    }
  };
}

/** Answers carry no number: one read has to end before the next begins. */
function oneAtATime(read: ReadBytes): ReadBytes {
  let last: Promise<unknown> = Promise.resolve();
  return (from, to) => {
    const result = last.then(() => read(from, to));
    last = result.catch(() => {});
    return result;
  };
}

/** In the page: a cipher that works in a worker, which lives while there is something to do. Where it cannot start, `otherwise` does it. */
export function fileCipherIn(openWorker: () => OpenWorker, otherwise: FileCipher = fileCipherHere()): FileCipher {
  let link: WorkerLink | null = null;
  async function* run<R extends Bytes | undefined>(
    work: Work,
    read: ReadBytes | null,
    instead: () => AsyncGenerator<Blob, R>,
  ): AsyncGenerator<Blob, R> {
    link ??= WorkerLink.open(openWorker);
    if (link === null) return yield* instead();
    const own = link;
    const job = own.begin(work, read);
    try {
      for (;;) {
        const step = await job.next();
        if (step === "no-worker") break;
        if ("done" in step) return step.hash as R;
        yield step.segment;
      }
    } finally {
      job.end();
      if (own.isIdle) {
        own.close();
        if (link === own) link = null;
      }
    }
    return yield* instead();
  }
  return {
    seal: (secret, file) => run<Bytes>({ kind: "seal", secret, file }, null, () => otherwise.seal(secret, file)),
    open: (secret, size, hash, read) =>
      run<undefined>({ kind: "open", secret, size, hash }, read, () => otherwise.open(secret, size, hash, read)),
  };
}

type Step = Extract<Answer, { done: true } | { segment: Blob }>;

interface Job {
  next(): Promise<Step | "no-worker">;
  end(): void;
}

class WorkerLink {
  readonly #jobs = new Map<number, { settle: (answer: Answer | "no-worker") => void; readonly read: ReadBytes | null }>();
  readonly #failures = new Map<number, unknown>();
  #made = 0;
  #hasAnswered = false;

  private constructor(readonly worker: OpenWorker) {
    worker.onmessage = ({ data }) => this.#receive(data as Answer);
    worker.onerror = () => {
      for (const { settle } of [...this.#jobs.values()]) settle("no-worker");
    };
  }

  static open(openWorker: () => OpenWorker): WorkerLink | null {
    try {
      return new WorkerLink(openWorker());
    } catch {
      return null;
    }
  }

  get isIdle(): boolean {
    return this.#jobs.size === 0;
  }

  close(): void {
    this.worker.terminate();
  }

  begin(work: Work, read: ReadBytes | null): Job {
    const id = this.#made++;
    const job = { settle: (_: Answer | "no-worker") => {}, read };
    this.#jobs.set(id, job);
    this.#post({ id, begin: work });
    return {
      next: async () => {
        const { promise, resolve } = Promise.withResolvers<Answer | "no-worker">();
        job.settle = resolve;
        this.#post({ id, next: true });
        const answer = await promise;
        if (answer === "no-worker") {
          if (this.#hasAnswered) throw new ClientError("internal");
          return answer;
        }
        this.#hasAnswered = true;
        if ("code" in answer) throw this.#failures.get(id) ?? new ClientError(answer.code, answer.message);
        if ("read" in answer) throw new ClientError("internal");
        return answer;
      },
      end: () => {
        this.#jobs.delete(id);
        this.#failures.delete(id);
        this.#post({ id, end: true });
      },
    };
  }

  #receive(answer: Answer): void {
    const job = this.#jobs.get(answer.id);
    if (job === undefined) return;
    if ("read" in answer) void this.#read(answer.id, job.read, answer.read);
    else job.settle(answer);
  }

  async #read(id: number, read: ReadBytes | null, [from, to]: readonly [number, number]): Promise<void> {
    try {
      const bytes = (await read?.(from, to)) ?? new Uint8Array(0);
      // What is read may be part of something that is used again.
      const own = new Uint8Array(bytes);
      this.#post({ id, bytes: own }, own);
    } catch (error) {
      this.#failures.set(id, error);
      this.#post({ id, bytes: null });
    }
  }

  #post(question: Question, ...bytes: Bytes[]): void {
    this.worker.postMessage(
      question,
      bytes.map(({ buffer }) => buffer),
    );
  }
}
