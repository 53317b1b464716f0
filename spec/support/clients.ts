import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { listen, type Handler, type ListenOptions, type Server } from 'rxjs-io-stream';
import type { Harness } from './harness.ts';
import type { ObserverSpy } from './observer-spy.ts';

/** A server under test, its subscription, and the values of its `errors$` and `dropped$`. */
export interface Serving {
  readonly server: Server;
  readonly seen: ObserverSpy<Server>;
  readonly errors: ObserverSpy<unknown>;
  /** The target for clients. */
  readonly at: { readonly host: string; readonly port: number };
}

/** Listens on a free port of loopback until the end of the spec. */
export async function serving(h: Harness, handler?: Handler, options: Partial<ListenOptions> = {}): Promise<Serving> {
  const seen = h.observed(listen({ host: '127.0.0.1', port: 0, ...options }, handler), 'listen');
  const server = await seen.value();
  const errors = h.observed(server.errors$, 'errors$');
  return { server, seen, errors, at: { host: '127.0.0.1', port: portOf(server) } };
}

export function portOf({ address }: Server): number {
  return typeof address === 'string' ? 0 : address.port;
}

/** A plain half-open socket, and all that it received. Destroyed at the end of the spec. */
export interface Client {
  readonly socket: Socket;
  readonly text: string;
  readonly ended: boolean;
  readonly closed: boolean;
  /** The code of its error. */
  readonly error: string | undefined;
}

/** Dials; resolves when the socket is connected or has failed. */
export async function client(h: Harness, at: NetConnectOpts): Promise<Client> {
  const socket = connect({ ...at, allowHalfOpen: true });
  const seen = { socket, text: '', ended: false, closed: false, error: undefined as string | undefined };
  h.defer(() => socket.destroy());
  socket.setEncoding('latin1');
  socket.on('data', (text: Buffer | string) => (seen.text += text.toString()));
  socket.on('end', () => (seen.ended = true));
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (seen.error = code));
  socket.on('close', () => (seen.closed = true));
  // A server may reset the connection before the client is connected.
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return seen;
}

/** Returns the code with which a dial fails, or undefined. */
export async function refusal(h: Harness, at: NetConnectOpts): Promise<string | undefined> {
  const { socket, error } = await client(h, at);
  socket.destroy();
  return error;
}
