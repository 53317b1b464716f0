import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** How long a peer may take to start, or to print what is awaited, in milliseconds; less than a test may take. */
const LATE = 18_000;
/** How often it is looked, in milliseconds. */
const ROUND = 5;

/** What {@link Daemon.start} is told besides the command. */
export interface DaemonOptions {
  /** It has started when these ports are listened on… */
  readonly ports?: readonly number[] | undefined;
  /** … and has printed this. */
  readonly prints?: RegExp | undefined;
  /** … within this time, in milliseconds. @default 18000 */
  readonly within?: number | undefined;
}

/** A program that was started here: it and all it starts are one process group, which is gone after `stop()`. */
export class Daemon {
  /** Its pid, and the ends of its standard input and output. */
  readonly process: ChildProcess;
  /** Resolves when it has ended, by itself or not. */
  readonly ended: Promise<unknown>;
  readonly #printed: Buffer[] = [];
  readonly #told: Buffer[] = [];
  #grouped = true;
  #over = false;
  readonly #kill = (): void => {
    process.removeListener('exit', this.#kill);
    if (this.#grouped && this.process.pid !== undefined) quietly(-this.process.pid);
    this.#grouped = false; // its number may be given to others now
  };

  private constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.process = spawn(file, args, { detached: true, stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '', LC_ALL: 'C' } });
    // Closed: it has ended, and all that it printed is here.
    this.ended = new Promise((resolve) => this.process.once('close', resolve).once('error', resolve));
    void this.ended.then(() => (this.#over = true));
    // What it has started does not outlive it.
    this.process.once('exit', this.#kill);
    this.process.stdout?.on('data', (bytes: Buffer) => this.#printed.push(bytes));
    this.process.stderr?.on('data', (bytes: Buffer) => this.#told.push(bytes));
    this.process.stdin?.on('error', () => {}); // it may close its input
    process.once('exit', this.#kill);
  }

  /** Resolves when the program is ready; rejects with what it printed when it ends before, or takes too long. */
  static async start(command: readonly string[], { ports = [], prints = /^/, within = LATE }: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(command);
    try {
      await daemon.printed(prints, within);
      await daemon.until(() => ports.every((port) => listens(daemon.process.pid, port)), within);
      return daemon;
    } catch (error) {
      await daemon.stop();
      throw error;
    }
  }

  /** Ends it and all it has started at once: a peer has nothing to save. */
  async stop(): Promise<void> {
    this.#kill();
    await this.ended;
  }

  /** Resolves when it has printed this; rejects when it ends before, or takes too long. */
  async printed(text: RegExp, within: number = LATE): Promise<void> {
    await this.until(() => text.test(this.output), within);
  }

  /** Resolves when something is so; rejects when the program ends before, or it takes too long. */
  async until(passes: () => boolean, within: number = LATE): Promise<void> {
    // Rounds and not the clock: when the machine stood still, what was printed meanwhile is read first.
    for (let round = 0; !passes(); round += 1) {
      const late = round * ROUND > within;
      if (late || this.#over)
        throw new Error(`${this.process.spawnargs.join(' ')} ${late ? 'is late' : 'ended by itself'}. It printed:\n${this.output}`);
      await wait(ROUND);
    }
  }

  /** What it wrote to its standard output. */
  get stdout(): Buffer {
    return Buffer.concat(this.#printed);
  }

  /** All that it printed, what it told on its standard error first. */
  get output(): string {
    return Buffer.concat([...this.#told, ...this.#printed]).toString('latin1');
  }
}

function quietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // all of the group has ended
  }
}

/** Whether somebody listens on this port in the namespace of the process: asked of the kernel, so that the peer sees no stranger. */
function listens(pid: number | undefined, port: number): boolean {
  const listening = new RegExp(`^ *\\d+: \\w+:${port.toString(16).toUpperCase().padStart(4, '0')} \\w+:0000 0A `, 'm');
  return ['tcp', 'tcp6'].some((table) => listening.test(tableOf(`/proc/${pid}/net/${table}`)));
}

function tableOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process has ended
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
