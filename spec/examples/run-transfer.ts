import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../examples/transfer.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How a run of the program ended. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The file it said it sends. */
  readonly file: string;
  /** The first words of the lines of its timeline: the events. */
  readonly events: readonly string[];
}

/** A program that runs. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ran>;
}

/** Starts examples/transfer.ts; on a terminal, `script` gives it one and both outputs come as stdout. */
export function startTransfer(args: readonly string[], { terminal = false } = {}): Running {
  // The runner's own wishes about colours and flags are not the user's.
  const { NODE_OPTIONS: _options, FORCE_COLOR: _force, NO_COLOR: _none, ...env } = process.env;
  const command = [process.execPath, '--import', 'tsx', PROGRAM, ...args];
  const [file = '', ...rest] = terminal ? ['script', '-qec', command.map((word) => `'${word}'`).join(' '), '/dev/null'] : command;
  const child = spawn(file, rest, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = [gathered(child.stdout), gathered(child.stderr)];
  return { process: child, ended: once(child, 'close').then(([code]) => ran(code as number | null, stdout.join(''), stderr.join(''))) };
}

/** Runs examples/transfer.ts to its end. */
export function runTransfer(...args: string[]): Promise<Ran> {
  return startTransfer(args).ended;
}

/** A server of plain `net` on loopback; `to` is its HOST:PORT. */
export async function rawServer(each: (socket: Socket) => void): Promise<{ to: string; close: () => void }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}));
    each(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { to: `127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

function gathered(stream: NodeJS.ReadableStream): string[] {
  const texts: string[] = [];
  stream.setEncoding('utf8').on('data', (text: string) => texts.push(text));
  return texts;
}

function ran(code: number | null, stdout: string, stderr: string): Ran {
  const file = /^file {4}(\S+)/m.exec(stdout)?.[1] ?? '';
  const events = [...stdout.matchAll(/^ *\d+\.\d ms {2}(\S.*?) {2,}/gm)].map(([, event = '']) => event);
  return { code, stdout, stderr, file, events };
}
