import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import * as certificates from '../support/certificates.ts';
import type { Job, PeerName } from './row.ts';

type Peer = () => (job: Job) => Promise<{ readonly port: number }>;
type Serve = (socket: Socket, job: Job) => void;

/** Writes so many bytes, no faster than they are taken; reads what comes. */
function pour(socket: Socket, total: number, chunk: number, whole = (): void => {}): void {
  const bytes = Buffer.alloc(chunk, 'x');
  let left = total;
  const pump = (): void => {
    let more = true;
    while (more && left > 0) {
      const piece = left < chunk ? bytes.subarray(0, left) : bytes;
      left -= piece.length;
      more = socket.write(piece);
    }
    if (left > 0) return;
    socket.off('drain', pump);
    whole();
  };
  socket.on('drain', pump).resume();
  pump();
}

/** Writes all the bytes of the job to whoever connects. */
const source: Serve = (socket, { units, chunk }) => pour(socket, units, chunk);

/** Counts the bytes of the job, then answers with one. */
const sink: Serve = (socket, { units }) => {
  let left = units;
  socket.on('data', (chunk) => {
    left -= chunk.length;
    if (left === 0) socket.write('.');
  });
};

/** Writes its share of the bytes of the job, ends, and reads what comes until that ends too. */
const talker: Serve = (socket, { units, chunk, connections }) => {
  socket.allowHalfOpen = true;
  pour(socket, units / connections, chunk, () => socket.end());
};

/** The other sides. All of them are plain `node:net` and `node:tls`, and the same one serves both programs of a row. */
export const peers: Readonly<Record<PeerName, Peer>> = {
  source: () => serving(source),
  sink: () => serving(sink),
  talker: () => serving(talker),
  'tls-source': () => serving(source, { tls: true }),
  'tls-sink': () => serving(sink, { tls: true }),

  /** Gives back what it gets, and reads no faster than it is read. */
  echo: () =>
    serving((socket) => {
      socket.on('data', (chunk) => {
        if (!socket.write(chunk)) socket.pause();
      });
      socket.on('drain', () => socket.resume());
    }),

  /** Accepts and does nothing. */
  hold: () => serving((socket) => void socket.resume()),

  /** Connects as often as the job says and holds all of it until the other side ends. */
  dialler: () => (job) =>
    inWaves(job.connections, () => {
      const socket = connect({ host: '127.0.0.1', port: job.port });
      socket.on('error', ignore).resume();
      return new Promise((resolve) => socket.on('connect', resolve));
    }).then(() => ({ port: job.port })),
};

/** Does something so many times, no more than 100 at once: a listener's queue is not endless. */
export async function inWaves(times: number, work: () => Promise<unknown>): Promise<void> {
  let left = times;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: Math.min(100, times) }, worker));
}

function serving(serve: Serve, { tls = false } = {}): ReturnType<Peer> {
  let present: Job;
  const accept = (socket: Socket): void => {
    socket.on('error', ignore);
    serve(socket, present);
  };
  const server: Server = tls ? createTlsServer({ ...certificates.server, noDelay: true }, accept) : createServer({ noDelay: true }, accept);
  const listening = new Promise<{ port: number }>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => resolve({ port: (server.address() as AddressInfo).port }));
  });
  return (job) => {
    present = job;
    return listening;
  };
}

function ignore(): void {
  // What goes wrong is told by the program, which sees it too.
}
