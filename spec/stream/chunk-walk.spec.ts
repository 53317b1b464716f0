import { createServer, Socket, type AddressInfo } from 'node:net';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IOStream } from 'rxjs-io-stream';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { OutputQueue } from '../../src/stream/output-queue.ts';
import { spec } from '../support/spec.ts';

const SOURCES = `${dirname(fileURLToPath(new URL('../../src/index.ts', import.meta.url)))}/`;

/** The modules of `src` on the stack, from the caller to the callee. Consecutive calls inside one module count once. */
function modulesOnStack(): string[] {
  const stack = new Error('the stack').stack ?? '';
  const files = [...stack.matchAll(/\(?(?:file:\/\/)?(\/[^():]+\.ts):\d+:\d+\)?$/gm)].map(([, file = '']) => file);
  const modules = files.filter((file) => file.startsWith(SOURCES)).map((file) => relative(SOURCES, file).replace(/\.ts$/, ''));
  return modules.reverse().filter((module, at, all) => module !== all[at - 1]);
}

/** The modules from `name` on. */
function from(name: string, modules: readonly string[]): readonly string[] {
  return modules.slice(modules.indexOf(name));
}

// ARCHITECTURE.md draws both walks.
describe('a chunk', () => {
  const limit = Error.stackTraceLimit;
  beforeEach(() => void (Error.stackTraceLimit = 100));
  afterEach(() => void (Error.stackTraceLimit = limit));

  async function connected(h: { defer(work: () => unknown): void; until(passes: () => boolean): Promise<void> }): Promise<IOStream> {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    h.defer(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const io = new IOStream({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    h.defer(() => io.close());
    await h.until(() => io.state === 'open');
    return io;
  }

  spec('goes through five modules from the socket to `data$`, each once', async (h) => {
    const io = await connected(h);
    const walks: string[][] = [];
    io.data$.subscribe(() => walks.push(modulesOnStack()));
    io.write('hello');
    await h.until(() => walks.length > 0);
    expect(walks[0]).toEqual(['wire/socket-reads', 'wire/node-connection', 'stream/inbound', 'stream/read-side', 'util/subscribers']);
  });

  spec('goes through five modules from `write` to the socket, each once', async (h) => {
    const io = await connected(h);
    const walks: (readonly string[])[] = [];
    const { push } = OutputQueue.prototype;
    const { write } = Socket.prototype;
    h.defer(() => Object.assign(OutputQueue.prototype, { push }));
    h.defer(() => Object.assign(Socket.prototype, { write }));
    OutputQueue.prototype.push = function (bytes) {
      walks.push([...modulesOnStack(), 'stream/output-queue']);
      push.call(this, bytes);
    };
    Socket.prototype.write = function (this: Socket, ...args: Parameters<typeof write>) {
      walks.push(from('stream/write-side', modulesOnStack()));
      return write.apply(this, args);
    } as typeof write;
    io.write('hello');
    await h.until(() => walks.length >= 2);
    const [queued = [], written = []] = walks;
    expect([...queued, ...written.slice(1)]).toEqual([
      'stream/io-stream',
      'stream/write-side',
      'stream/output-queue',
      'wire/node-connection',
      'wire/node-writer',
    ]);
  });
});
