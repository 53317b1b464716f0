import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ListenOptions as NetListenOptions, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Harness } from './harness.ts';
import type { ListenLine } from './listen-child.ts';

const PROGRAM = fileURLToPath(new URL('./listen-child.ts', import.meta.url));

/** Returns the command that runs `listen-child.ts` with options of `listen`. */
export function listenCommand(options: readonly (object | string)[]): string[] {
  return [process.execPath, '--import', 'tsx', PROGRAM, ...options.map((each) => JSON.stringify(each))];
}

/** A running `listen-child.ts`. */
export interface ListenChild {
  readonly pid: number | undefined;
  /** Returns the next line of its output. Rejects at its end. */
  line(): Promise<ListenLine & { readonly variables?: string }>;
}

/**
 * Starts a program with inherited descriptors from 3 on. It is killed at the end of the spec.
 *
 * @param fds the descriptors.
 * @param env variables that are added to the environment.
 */
export function startListenChild(
  h: Harness,
  [file = '', ...args]: readonly string[],
  fds: readonly number[] = [],
  env: Readonly<Record<string, string>> = {},
): ListenChild {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe', ...fds], env: { ...process.env, NODE_OPTIONS: '', ...env } });
  const closed = once(child, 'close');
  h.defer(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    pid: child.pid,
    async line() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`expected a line, the program has ended: ${errors}`);
      return JSON.parse(value) as ListenLine;
    },
  };
}

/** A listening socket of Node, to be inherited: `fd` is its descriptor. `close` closes it in this process. */
export async function boundSocket(h: Harness, options: NetListenOptions): Promise<{ fd: number; server: Server; close(): Promise<void> }> {
  const server = createServer().listen(options);
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  h.defer(close);
  return { fd, server, close };
}
