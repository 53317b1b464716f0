import { fork, type ChildProcess } from 'node:child_process';

export interface Question {
  readonly id: number;
  readonly job: unknown;
}

/** The reply to a question. Number 0 reports that the imports are done. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly failed?: string;
}

/**
 * Settings that remove costs of memory which only small processes have:
 *
 * - glibc returns freed memory to the kernel, and faults it in again with each read.
 * - V8 lets a heap of 8 MiB grow to 20 before a full collection. Up to 32 MiB of read buffers, which no scavenge has freed yet, count as
 *   heap. So V8 may mark the whole heap again after every 32 MiB that were read.
 */
export const TUNED = {
  env: {
    MALLOC_TRIM_THRESHOLD_: String(2 ** 30),
    MALLOC_TOP_PAD_: String(64 * 2 ** 20),
    MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20),
  },
  flags: ['--initial-old-space-size=128'],
};

/** What a process runs, and how. */
export interface Launch {
  /** The path of the bundle. @default that of this process */
  readonly file?: string | undefined;
  /** The path of `node`. @default that of this process */
  readonly node?: string | undefined;
  /** Whether the settings of {@link TUNED} apply. @default false */
  readonly tuned?: boolean;
  /** Seconds after which a missing answer is an error. @default 60 */
  readonly timeout?: number;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A process that answers jobs, one at a time. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #timeout: number;
  readonly #waiting = new Map<number, Waiting>();
  #questions = 0;

  private constructor(name: string, child: ChildProcess, timeout: number) {
    this.#name = name;
    this.#timeout = timeout;
    this.#process = child;
    child.on('message', ({ id, value, failed }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failed === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(`${name}: ${failed}`));
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended by itself (${signal ?? code ?? 'unknown'})`));
      this.#waiting.clear();
    });
  }

  /** Resolves when its imports are done. */
  static async start(args: readonly string[], launch: Launch): Promise<Child> {
    const { file = process.argv[1] ?? '', node, tuned = false, timeout = 60 } = launch;
    const child = fork(file, args, {
      ...(node === undefined ? {} : { execPath: node }),
      // One row compares with OpenSSL's RC4, which is a legacy algorithm.
      execArgv: ['--expose-gc', '--openssl-legacy-provider', ...(tuned ? TUNED.flags : [])],
      env: { ...process.env, ...(tuned ? TUNED.env : {}) },
    });
    const made = new Child(args.join(' '), child, timeout);
    await made.#answer(0);
    return made;
  }

  ask(job: object): Promise<unknown> {
    this.#questions += 1;
    const answer = this.#answer(this.#questions);
    this.#process.send({ id: this.#questions, job });
    return answer;
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(timer);
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#name} did not answer within ${this.#timeout} s`)), this.#timeout * 1e3);
      const done = (): void => clearTimeout(timer);
      this.#waiting.set(id, {
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
    });
  }
}
