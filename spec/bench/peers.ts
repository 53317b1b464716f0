import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import * as certificates from '../support/certificates.ts';
import { callers } from './callers.ts';
import type { Job, PeerName } from './row.ts';

type Peer = () => (job: Job) => Promise<{ readonly port: number }>;
type Serve = (socket: Socket, job: Job) => void;

/** Writes `total` bytes with backpressure, and discards what it reads. */
function pour(socket: Socket, total: number, chunk: number, onWritten = (): void => {}): void {
  const bytes = Buffer.alloc(chunk, 'x');
  let remaining = total;
  const pump = (): void => {
    let more = true;
    while (more && remaining > 0) {
      const piece = remaining < chunk ? bytes.subarray(0, remaining) : bytes;
      remaining -= piece.length;
      more = socket.write(piece);
    }
    if (remaining > 0) return;
    socket.off('drain', pump);
    onWritten();
  };
  socket.on('drain', pump).resume();
  pump();
}

/** Writes all bytes of the job to each connection. */
const source: Serve = (socket, { units, chunk }) => pour(socket, units, chunk);

/** Counts the bytes of the job, then answers with one byte. */
const sink: Serve = (socket, { units }) => {
  let remaining = units;
  socket.on('data', (chunk) => {
    remaining -= chunk.length;
    if (remaining === 0) socket.write('.');
  });
};

/** Writes its share of the bytes of the job and ends. Discards what it reads until the other side ends. */
const talker: Serve = (socket, { units, chunk, connections }) => {
  socket.allowHalfOpen = true;
  pour(socket, units / connections, chunk, () => socket.end());
};

/** Echoes, with backpressure. */
const echo: Serve = (socket) => {
  socket.on('data', (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on('drain', () => socket.resume());
};

/** The other sides of the connections, made of plain `node:net` and `node:tls`. One serves both programs of a row. */
export const peers: Readonly<Record<PeerName, Peer>> = {
  source: () => serving(source),
  sink: () => serving(sink),
  talker: () => serving(talker),
  'tls-source': () => serving(source, { tls: true }),
  'tls-sink': () => serving(sink, { tls: true }),

  echo: () => serving(echo),
  'tls-echo': () => serving(echo, { tls: true }),

  /** Accepts and does nothing. */
  hold: () => serving((socket) => void socket.resume()),

  ...callers,
};

function serving(serve: Serve, { tls = false } = {}): ReturnType<Peer> {
  let current: Job;
  const accept = (socket: Socket): void => {
    socket.on('error', ignore);
    serve(socket, current);
  };
  const server: Server = tls ? createTlsServer({ ...certificates.server, noDelay: true }, accept) : createServer({ noDelay: true }, accept);
  const listening = new Promise<{ port: number }>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => resolve({ port: (server.address() as AddressInfo).port }));
  });
  return (job) => {
    current = job;
    return listening;
  };
}

function ignore(): void {
  // The program sees the failure, too, and reports it.
}
