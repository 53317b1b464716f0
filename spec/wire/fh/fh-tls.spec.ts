import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { IOStream, toDuplex } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import * as certificates from '../../support/certificates.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { closedReport } from '../../stream/tools.ts';

/** Connects to a TLS server of Node, which passes each accepted socket to `end`. */
async function tlsServer(h: Harness, end: (socket: TLSSocket) => void): Promise<Socket> {
  const { cert, key } = certificates.server;
  const server = createServer({ cert, key }, (socket) => {
    h.defer(() => socket.destroy());
    end(socket.on('error', () => {}).resume());
  }).listen(0, '127.0.0.1');
  h.defer(() => server.close());
  await once(server, 'listening');
  const raw = connect((server.address() as AddressInfo).port, '127.0.0.1');
  raw.on('error', () => {});
  h.defer(() => raw.destroy());
  await once(raw, 'connect');
  return raw;
}

/** A Duplex over a socket that is no `net.Socket`. */
function duplexOver(raw: Socket, allowHalfOpen: boolean): Duplex {
  const duplex = new Duplex({
    allowHalfOpen,
    read: () => void raw.resume(),
    write: (chunk: Buffer, _, done) => void raw.write(chunk, done),
    final: (done) => void raw.end(done),
    destroy: (error, done) => {
      raw.destroy();
      done(error);
    },
  });
  raw.on('data', (bytes) => duplex.push(bytes) || raw.pause()).on('end', () => duplex.push(null));
  return duplex.on('error', () => {});
}

const ends: Readonly<Record<string, (socket: TLSSocket) => void>> = {
  'ends at once': (socket) => socket.end('bye'),
  'ends later': (socket) => {
    socket.write('bye');
    setTimeout(() => socket.end(), 30);
  },
  'is destroyed': (socket) => {
    socket.write('bye');
    // After it has read `hello`: the kernel resets a connection with unread bytes.
    socket.once('data', () => setTimeout(() => socket.destroy(), 30));
  },
};

describe("Node's own TLS over a Duplex, as fh", () => {
  for (const [name, end] of Object.entries(ends)) {
    for (const below of ['a Duplex', 'a Duplex without half-open', 'an IOStream'] as const) {
      spec(`ends without an error when the peer ends first: over ${below}, the server ${name}`, async (h) => {
        const raw = await tlsServer(h, end);
        const duplex = duplexOver(raw, below !== 'a Duplex without half-open');
        const socket = below === 'an IOStream' ? toDuplex(new IOStream({ fh: duplex })) : duplex;
        const io = new IOStream({ fh: connectTls({ socket, ca: certificates.ca, servername: 'localhost' }) });
        const seen = h.observed(io.data$);
        io.write('hello');
        await seen.ended;
        h.sameBytes(seen.values, 'bye');
        const { by, error } = await closedReport(io);
        expect([seen.state, by, error]).toStrictEqual(['complete', 'peer', undefined]);
      });
    }
  }

  spec('fails when it ends with unsent bytes', async (h) => {
    const raw = await tlsServer(h, (socket) => socket.pause().end('bye'));
    const socket = connectTls({ socket: duplexOver(raw, false), ca: certificates.ca, servername: 'localhost' });
    const io = new IOStream({ fh: socket, allowHalfOpen: true });
    io.errors$.subscribe();
    const seen = h.observed(io.data$);
    io.write(Buffer.alloc(2 ** 25));
    await seen.ended;
    expect((await closedReport(io)).error).not.toBe(undefined);
  });
});
