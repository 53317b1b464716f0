import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tap } from 'rxjs';
import { IOStream, listen, type Server } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { Child } from '../processes.ts';
import { perSecond, type DiallingPeer, type Program, type Row } from '../row.ts';

/** Starts an echo server. Resolves to its port. */
type Serve = () => Promise<number>;

/** Measures a server that a process of its own dials. Both stay for all runs. */
export function accepting(name: string, peer: DiallingPeer, serve: Serve): Program {
  let started: Promise<readonly [port: number, caller: Child]> | undefined;
  return {
    name,
    run: async (job) => {
      started ??= Promise.all([serve(), Child.start(['peer', peer], { tuned: true })]);
      const [port, caller] = await started;
      const clock = new Clock();
      await caller.ask({ ...job, port });
      return clock.stop(job.units);
    },
  };
}

export async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export function echoBack(socket: Socket): void {
  socket.on('data', (chunk) => socket.write(chunk)).on('error', fail);
}

/** @param plugin the plugins of the accepted streams */
export function listening(plugin: NonNullable<ConstructorParameters<typeof IOStream>[0]['plugin']> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const server$ = listen({ host: '127.0.0.1', port: 0, backlog: 1024, plugin }, (io) => io.data$.pipe(tap((chunk) => io.write(chunk))));
    server$.subscribe({
      next: ({ address, errors$ }: Server) => {
        errors$.subscribe(fail);
        resolve((address as AddressInfo).port);
      },
      error: reject,
    });
  });
}

/** Ends the process, and so the row: no error is expected. */
function fail(error: unknown): void {
  throw error;
}

const byListen = accepting('listen', 'caller', () => listening());

const byFh = accepting('fh', 'caller', () =>
  portOf(
    createServer({ noDelay: true, allowHalfOpen: true }, (fh) => {
      const io = new IOStream({ fh, allowHalfOpen: false });
      io.data$.subscribe({ next: (chunk) => void io.write(chunk), error: fail });
    }),
  ),
);

const raw = accepting('net', 'caller', () => portOf(createServer({ noDelay: true }, echoBack)));

function row(name: string, title: string, ours: Program, connections: number): Row {
  return {
    name,
    title: `${title}, ${connections} at a time`,
    programs: [ours, raw],
    work: { connections, chunk: 64 },
    start: 1_000,
    unit: { name: 'conn', size: 1 },
    figures: [perSecond('conn', 1, 0.95, 'both')],
  };
}

export const accepted1: Row = row('accepted-1', 'accepted by listen, echo, close', byListen, 1);
export const accepted100: Row = row('accepted-100', 'accepted by listen, echo, close', byListen, 100);
export const acceptedFh100: Row = row('accepted-fh-100', 'accepted as fh, echo, close', byFh, 100);
