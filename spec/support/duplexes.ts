import type { Socket } from 'node:net';
import { NEVER, Observable } from 'rxjs';
import type { SocketDuplex } from '../../src/adapters/socket-duplex.ts';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { open } from '../../src/stream/open.ts';
import type { IOStreamOptions } from '../../src/stream/io-stream.ts';
import type { Up, Wire } from '../../src/wire/signal.ts';
import type { Harness } from './harness.ts';
import { served } from './loopback.ts';

/** A stream and the Duplex over it. */
export interface TestDuplex {
  readonly io: IOStream;
  readonly duplex: SocketDuplex;
}

/** Makes a stream with these options and the Duplex over it. Resets the stream at the end of the spec. */
export function testDuplex(h: Harness, options: IOStreamOptions): TestDuplex {
  const io = new IOStream(options);
  h.defer(() => io.reset());
  return { io, duplex: toDuplex(io) };
}

/** Opens a stream, and makes the Duplex over it. Returns the socket of its peer, too. */
export async function connectedDuplex(
  h: Harness,
  options: Partial<IOStreamOptions> = {},
  onPeer: (peer: Socket) => unknown = () => {},
): Promise<TestDuplex & { readonly peer: Socket }> {
  let peer: Socket | undefined;
  const place = await served(h, (socket) => {
    peer = socket;
    onPeer(socket);
  });
  const io = await open({ ...place, ...options });
  h.defer(() => io.reset());
  await h.until(() => peer !== undefined, 'the peer has accepted the connection');
  return { io, duplex: toDuplex(io), peer: peer! };
}

/** A wire that never connects. */
export const NEVER_CONNECTED: Wire = () => () => NEVER;

/** Makes a wire that emits these signals, then errors. */
export const failingWire = (error: unknown, ...signals: readonly Up[]): Wire => {
  return () => () =>
    new Observable((up) => {
      for (const signal of signals) up.next(signal);
      up.error(error);
    });
};
