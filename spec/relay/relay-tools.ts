import type { Socket } from 'node:net';
import { expect } from 'vitest';
import type { RelayError } from '../../src/relay/relay-error.ts';
import { IOStream } from 'rxjs-io-stream';
import type { Harness } from '../support/harness.ts';
import { pair, type Transport } from '../support/loopback.ts';
import { resetAtEnd, type Options } from '../stream/tools.ts';

/** Makes the two streams of a relay over real sockets. Returns the sockets of the peers, too. */
export async function between(h: Harness, transport: Transport = 'TCP', options: Options = {}): Promise<Ends> {
  const [left, right] = [await pair(h, transport), await pair(h, transport)];
  const [a, b] = resetAtEnd(h, new IOStream({ ...options, fh: left.near }), new IOStream({ ...options, fh: right.near }));
  return { a, b, A: left.far, B: right.far };
}

/** The streams `a` and `b` of a relay, and the sockets of their peers. */
export interface Ends {
  readonly a: IOStream;
  readonly b: IOStream;
  readonly A: Socket;
  readonly B: Socket;
}

/**
 * Resolves with how the connection of a socket ends: the code of its error, or FIN. Node emits 'end' although a reset has followed
 * the last bytes. A write of zero bytes then fails.
 */
export function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket
      .on('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code))
      .on('end', () => socket.write('', (error) => resolve((error as NodeJS.ErrnoException | undefined)?.code ?? 'FIN')))
      .resume();
  });
}

/** Returns side and code of an error, such as `a ECONNRESET`. */
export function sideAndCode(error: unknown): string {
  const { side, code } = error as RelayError;
  return `${side} ${code}`;
}

/** Expects an error of this side with this code. */
export function expectSide(h: Harness, error: unknown, side: 'a' | 'b', code: string): RelayError {
  h.error(error, { code });
  expect((error as RelayError).side).toBe(side);
  return error as RelayError;
}
