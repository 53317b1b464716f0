import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** Maximum time to start, or to print the expected text, in milliseconds. Less than the timeout of a spec. */
const START_TIMEOUT = 18_000;
/** Interval of the checks, in milliseconds. */
const POLL_INTERVAL = 5;

/** When {@link Daemon.start} resolves. */
export interface DaemonOptions {
  /** Ports that the program must listen on. */
  readonly ports?: readonly number[] | undefined;
  /** Text that the program must have printed. */
  readonly readyOutput?: RegExp | undefined;
  /** Maximum time, in milliseconds. @default 18000 */
  readonly timeout?: number | undefined;
}

/** A program that was started by the specs. It and its children are one process group, which `stop()` kills. */
export class Daemon {
  /** The child process. */
  readonly process: ChildProcess;
  /** Resolves when the program has ended. */
  readonly ended: Promise<unknown>;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  #hasGroup = true;
  #hasEnded = false;
  readonly #kill = (): void => {
    process.removeListener('exit', this.#kill);
    if (this.#hasGroup && this.process.pid !== undefined) killGroup(-this.process.pid);
    this.#hasGroup = false; // Another process may get its number now.
  };

  private constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.process = spawn(file, args, { detached: true, stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '', LC_ALL: 'C' } });
    // 'close': the program has ended, and all its output has been read.
    this.ended = new Promise((resolve) => this.process.once('close', resolve).once('error', resolve));
    void this.ended.then(() => (this.#hasEnded = true));
    // Its children must not outlive the program.
    this.process.once('exit', this.#kill);
    this.process.stdout?.on('data', (bytes: Buffer) => this.#stdout.push(bytes));
    this.process.stderr?.on('data', (bytes: Buffer) => this.#stderr.push(bytes));
    this.process.stdin?.on('error', () => {}); // The program may close its input.
    process.once('exit', this.#kill);
  }

  /** Resolves when the program is ready. Rejects with its output if it ends before that, or takes too long. */
  static async start(
    command: readonly string[],
    { ports = [], readyOutput = /^/, timeout = START_TIMEOUT }: DaemonOptions,
  ): Promise<Daemon> {
    const daemon = new Daemon(command);
    try {
      await daemon.untilOutput(readyOutput, timeout);
      await daemon.until(() => ports.every((port) => isListening(daemon.process.pid, port)), timeout);
      return daemon;
    } catch (error) {
      await daemon.stop();
      throw error;
    }
  }

  /** Kills the program and its children at once: a peer has nothing to save. */
  async stop(): Promise<void> {
    this.#kill();
    await this.ended;
  }

  /** Resolves when the output matches. Rejects if the program ends before that, or takes too long. */
  async untilOutput(text: RegExp, timeout: number = START_TIMEOUT): Promise<void> {
    await this.until(() => text.test(this.output), timeout);
  }

  /** Resolves when `passes` returns true. Rejects if the program ends before that, or takes too long. */
  async until(passes: () => boolean, timeout: number = START_TIMEOUT): Promise<void> {
    // Counts rounds instead of reading the clock: after a pause of the machine, pending output is read before the timeout.
    for (let round = 0; !passes(); round += 1) {
      const isLate = round * POLL_INTERVAL > timeout;
      if (isLate || this.#hasEnded)
        throw new Error(
          `${this.process.spawnargs.join(' ')} ${isLate ? 'was not ready in time' : 'has ended'}. Its output:\n${this.output}`,
        );
      await wait(POLL_INTERVAL);
    }
  }

  /** Everything written to standard output so far. */
  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  /** Everything printed so far: standard error, then standard output. */
  get output(): string {
    return Buffer.concat([...this.#stderr, ...this.#stdout]).toString('latin1');
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // All processes of the group have ended.
  }
}

/** Whether a socket listens on the port, in the namespace of the process. Reads it from /proc, because a connection could disturb the peer. */
function isListening(pid: number | undefined, port: number): boolean {
  const listening = new RegExp(`^ *\\d+: \\w+:${port.toString(16).toUpperCase().padStart(4, '0')} \\w+:0000 0A `, 'm');
  return ['tcp', 'tcp6'].some((table) => listening.test(tableOf(`/proc/${pid}/net/${table}`)));
}

function tableOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The process has ended.
  }
}
