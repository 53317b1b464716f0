import type { Socket } from 'node:net';
import { NEVER, Observable } from 'rxjs';
import type { SocketDuplex } from '../../src/adapters/socket-duplex.ts';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { open } from '../../src/stream/open.ts';
import type { IOStreamOptions } from '../../src/stream/options.ts';
import type { Up, Wire } from '../../src/wire/signal.ts';
import type { Harness } from './harness.ts';
import { served } from './loopback.ts';

/** A stream and the Duplex over it. */
export interface Faced {
  readonly io: IOStream;
  readonly duplex: SocketDuplex;
}

/** The Duplex of a stream with these options; the stream is reset at the end of the spec. */
export function faced(h: Harness, options: IOStreamOptions): Faced {
  const io = new IOStream(options);
  h.defer(() => io.reset());
  return { io, duplex: toDuplex(io) };
}

/** The Duplex of a stream that is open, and its peer of Node. */
export async function connected(
  h: Harness,
  options: Partial<IOStreamOptions> = {},
  onPeer: (peer: Socket) => unknown = () => {},
): Promise<Faced & { readonly peer: Socket }> {
  let peer: Socket | undefined;
  const place = await served(h, (socket) => {
    peer = socket;
    onPeer(socket);
  });
  const io = await open({ ...place, ...options });
  h.defer(() => io.reset());
  await h.until(() => peer !== undefined, 'the peer is connected');
  return { io, duplex: toDuplex(io), peer: peer! };
}

/** A wire that is never connected. */
export const NEVER_CONNECTED: Wire = () => () => NEVER;

/** A wire that emits these signals, and then errors. */
export const failingWire = (error: unknown, ...signals: readonly Up[]): Wire => {
  return () => () =>
    new Observable((up) => {
      for (const signal of signals) up.next(signal);
      up.error(error);
    });
};
