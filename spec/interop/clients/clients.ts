import { tlsServer, toDuplex, type SocketDuplex } from 'rxjs-io-stream';
import { server as identity } from '../../support/certificates.ts';
import { serving } from '../../support/clients.ts';
import type { Harness } from '../../support/harness.ts';
import { describePeers } from '../peers.ts';
import type { RouteName } from './routes.ts';

/** Describes what holds for a client library, by the programs of its servers; the title comes first in the matrix. */
export function describeClient(library: string, programs: readonly string[], specs: () => void): void {
  describePeers(library, programs, specs);
}

/** Serves connections with the server of a library that takes sockets, until the end of the spec. Gives the port. */
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

/** The error with which a promise rejects. */
export async function failureOf<E extends Error>(promise: PromiseLike<unknown>): Promise<E> {
  try {
    await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error('expected an error, got a result');
}
