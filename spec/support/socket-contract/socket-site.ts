import { once } from 'node:events';
import { createServer, type ListenOptions, type Socket } from 'node:net';
import { asyncScheduler, Subject } from 'rxjs';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Flow, Target, Timeouts, Up, Wire } from '../../../src/wire/signal.ts';
import { joined } from '../assert-same-bytes.ts';
import type { Harness } from '../harness.ts';
import type { ObserverSpy } from '../observer-spy.ts';

/** How to dial a wire that uses a socket, and how to listen for it. */
export interface SocketSite {
  readonly wire: Wire;
  /** Returns an unused place to listen at. */
  at(): ListenOptions;
  target(address: { readonly port: number } | string): Target;
  /** Whether the protocol has RST. Without one, a reset looks like a close to the peer. */
  readonly rst: boolean;
}

/** One connection: its outbound signals, the recorded inbound signals, and the socket of the peer. */
export interface Connection {
  readonly app: Subject<Flow>;
  readonly seen: ObserverSpy<Up>;
  readonly peer: Socket;
  readonly timeouts: Timeouts;
}

/** Listens at an unused place until the end of the spec. Collects the sockets of the peers, which are paused and allow half-open. */
export async function listen(h: Harness, site: SocketSite): Promise<{ to: Target; peers: Socket[] }> {
  const peers: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    peers.push(socket);
    h.defer(() => socket.destroy());
  });
  server.listen(site.at());
  await once(server, 'listening');
  h.defer(() => server.close());
  return { to: site.target(server.address() as { port: number } | string), peers };
}

/** Dials a new peer, and waits until both sides are connected. */
export async function connect(h: Harness, site: SocketSite, timeouts: Partial<Timeouts> = {}): Promise<Connection> {
  const { to, peers } = await listen(h, site);
  const app = new Subject<Flow>();
  const dial = testDial({ to, timeouts, scheduler: asyncScheduler });
  const seen = h.observed(app.pipe(site.wire(dial)));
  await seen.value(({ kind }) => kind === 'connected');
  await h.until(() => peers.length > 0, 'the peer accepted');
  return { app, seen, peer: peers[0]!, timeouts: dial.timeouts };
}

/** Reads a peer up to its end. Records the bytes, the end, the close and the code of the error. */
export function reading(h: Harness, peer: Socket): { readonly bytes: Buffer; ended: boolean; closed: boolean; error: string | undefined } {
  const chunks: Buffer[] = [];
  const reader = {
    get bytes() {
      return joined(chunks);
    },
    ended: false,
    closed: false,
    error: undefined as string | undefined,
  };
  peer.on(
    'data',
    h.peer((chunk: Buffer) => chunks.push(chunk)),
  );
  peer.on('end', () => (reader.ended = true));
  peer.on('close', () => (reader.closed = true));
  peer.on('error', (error: NodeJS.ErrnoException) => (reader.error = error.code));
  peer.resume();
  return reader;
}

export const MIB = 1024 * 1024;

/** Returns the socket of a connection. */
export function handleOf(seen: ObserverSpy<Up>): Socket {
  const connected = seen.values.find((signal) => signal.kind === 'connected');
  return connected?.details[0]?.handle as Socket;
}

/** Creates a data signal. */
export const bytes = (buffer: Uint8Array): Flow => ({ kind: 'data', bytes: buffer });
