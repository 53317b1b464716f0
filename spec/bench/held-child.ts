/** A process that holds connections: `held-child server|client`. */
import type { AddressInfo } from 'node:net';
import { IOStream, listen, tlsClient, tlsServer, type Server } from 'rxjs-io-stream';
import { tap } from 'rxjs';
import * as certificates from '../support/certificates.ts';
import { answerJobs } from './answer-jobs.ts';
import { inWaves } from './callers.ts';

export interface HoldJob {
  readonly act: 'open' | 'count' | 'close';
  readonly tls: boolean;
  readonly port: number;
  readonly count: number;
}

export interface Listening {
  readonly port: number;
}

export interface Held {
  readonly held: number;
  readonly seconds: number;
  /** Bytes per connection. */
  readonly rss: number;
}

export interface Closed {
  readonly closed: number;
  readonly errors: readonly string[];
}

const AT_ONCE = 100;
const MESSAGE = 'hello';
const held: IOStream[] = [];
const errors: string[] = [];
let closed = 0;
let rssBefore = 0;

const fail = (error: unknown): void => void errors.push(error instanceof Error ? error.message : String(error));

async function rss(): Promise<number> {
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}

function hold(io: IOStream): void {
  held.push(io);
  io.closed$.subscribe(() => (closed += 1));
}

function serve({ tls }: HoldJob): Promise<Listening> {
  const plugin = tls ? { ssl: tlsServer(certificates.server) } : {};
  return new Promise((resolve, reject) => {
    const server$ = listen({ host: '127.0.0.1', port: 0, backlog: 1024, plugin }, (io) => {
      hold(io);
      return io.data$.pipe(tap((chunk) => io.write(chunk)));
    });
    server$.subscribe({
      next: ({ address, errors$ }: Server) => {
        errors$.subscribe(fail);
        resolve({ port: (address as AddressInfo).port });
      },
      error: reject,
    });
  });
}

async function dial({ tls, port, count }: HoldJob): Promise<void> {
  const plugin = tls ? { ssl: tlsClient({ ca: certificates.ca }) } : {};
  await inWaves(
    count,
    AT_ONCE,
    () =>
      new Promise<void>((echoed) => {
        const io = new IOStream({ host: '127.0.0.1', port, plugin });
        let read = 0;
        io.write(MESSAGE);
        io.data$.subscribe({
          next: ({ length }) => {
            read += length;
            if (read < MESSAGE.length) return;
            hold(io);
            echoed();
          },
          error: (error: unknown) => {
            fail(error);
            echoed();
          },
        });
      }),
  );
}

/** Resolves when all connections are closed, or stay open for 30 seconds. */
async function allClosed(): Promise<Closed> {
  for (let i = 0; i < 600 && closed < held.length; i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  return { closed, errors };
}

const isServer = process.argv[2] === 'server';
let openedIn = 0;

async function countHeld(): Promise<Held> {
  return { held: held.length, seconds: openedIn, rss: ((await rss()) - rssBefore) / held.length };
}

process.on('disconnect', () => process.exit());
answerJobs(async (question) => {
  const job = question as HoldJob;
  switch (job.act) {
    case 'open': {
      rssBefore = await rss();
      if (isServer) return serve(job);
      const start = performance.now();
      await dial(job);
      openedIn = (performance.now() - start) / 1e3;
      return countHeld();
    }
    case 'count':
      return countHeld();
    case 'close':
      if (!isServer) for (const io of held) io.close();
      return allClosed();
  }
});
