import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { concat, ignoreElements, type Observable } from 'rxjs';
import { converse, type IOStream } from 'rxjs-io-stream';
import { type StartTlsOptions } from '../../src/stream/start-tls.ts';
import * as certificates from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { streamPair, serve } from './tools.ts';

const { ca, server } = certificates;
export const CLIENT = { ca, servername: 'localhost' } satisfies StartTlsOptions;
export const SERVER = { ...server, isServer: true } satisfies StartTlsOptions;

/** Requests TLS in clear text, as clients of SMTP do. */
export const ask = (io: IOStream): Observable<string> =>
  converse(io, function* (link) {
    link.send('STARTTLS\r\n');
    return Buffer.from(yield* link.readUntil('\r\n', 64)).toString();
  });
/** Accepts the request for TLS. Completes when the go-ahead is sent. */
export const grant = (io: IOStream): Observable<never> =>
  concat(
    converse(io, function* (link) {
      yield* link.readUntil('\r\n', 64);
    }),
    io.send(['220 go\r\n']),
  ).pipe(ignoreElements());

/** A peer on loopback that accepts TLS, with more bytes in the same segment, and then uses TLS of Node. */
export async function grants(
  h: Harness,
  more = '',
  each: (secure: TLSSocket) => void = (secure) => secure.pipe(secure),
  host?: string,
): Promise<number> {
  const grant = (socket: Socket): void => {
    socket.once('data', () => {
      socket.write(`220 go\r\n${more}`);
      const secure = new TLSSocket(socket, { ...server, isServer: true });
      h.defer(() => secure.destroy());
      each(secure.on('error', () => {}));
    });
  };
  return serve(h, grant, host);
}

/** Two open streams in memory. */
export async function open(h: Harness): Promise<readonly [IOStream, IOStream]> {
  const [a, b] = streamPair(h, { Name: 'a' } as object);
  await h.until(() => a.state === 'open' && b.state === 'open');
  return [a, b];
}
