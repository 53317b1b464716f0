import { tlsServer, toDuplex, type SocketDuplex } from 'rxjs-io-stream';
import { server as identity } from '../../support/certificates.ts';
import { serving } from '../../support/clients.ts';
import type { Harness } from '../../support/harness.ts';
import { describePeers } from '../peers.ts';
import type { RouteName } from './routes.ts';

/** Defines the specs of a client library with the programs of its servers. `library` is its row in the matrix. */
export function describeClient(library: string, programs: readonly string[], specs: () => void): void {
  describePeers(library, programs, specs);
}

/** Serves connections with the server of a library that accepts sockets, until the end of the spec. Returns the port. */
export async function servingSockets(h: Harness, name: RouteName, each: (socket: SocketDuplex) => void): Promise<number> {
  const plugin = name === 'tlsClient' ? { ssl: tlsServer({ ...identity, ALPNProtocols: ['h2', 'http/1.1'] }) } : {};
  const { at } = await serving(
    h,
    (io) => {
      each(toDuplex(io));
      return io.closed$;
    },
    { plugin },
  );
  return at.port;
}

/** Returns the error with which a promise rejects. */
export async function failureOf<E extends Error>(promise: PromiseLike<unknown>): Promise<E> {
  try {
    await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error('expected the promise to reject, got a result');
}
