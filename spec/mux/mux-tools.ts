import { firstValueFrom, toArray } from 'rxjs';
import { IOStream, type IOStreamOptions } from 'rxjs-io-stream';
import { mux, type Mux } from '../../src/mux/mux.ts';
import type { MuxOptions } from '../../src/mux/mux-options.ts';
import { encodeFrame, type FrameHeader } from '../../src/protocol/yamux.ts';
import { YamuxReader } from '../../src/protocol/yamux-reader.ts';
import { memoryPair, type MemoryPairOptions } from '../../src/testing/memory/memory-pair.ts';
import type { Handler } from '../../src/stream/run-handler.ts';
import type { Harness } from '../support/harness.ts';

/** Options of both ends of a pair. */
export interface LinkOptions {
  readonly client?: Partial<MuxOptions>;
  readonly server?: Partial<MuxOptions>;
  readonly handler?: Handler;
  readonly io?: Partial<IOStreamOptions>;
  readonly pair?: MemoryPairOptions;
}

/** Two muxes on one connection in memory, and the streams below them. */
export interface LinkedPair {
  readonly client: Mux;
  readonly server: Mux;
  readonly below: readonly [IOStream, IOStream];
  /** Dials a stream from the client. */
  dial(options?: Partial<IOStreamOptions>): IOStream;
  /** The streams that the server has accepted so far, without a handler. */
  readonly accepted: IOStream[];
}

export function linkedPair(h: Harness, { client = {}, server = {}, handler, io = {}, pair }: LinkOptions = {}): LinkedPair {
  const [a, b] = memoryPair(pair);
  const below = [new IOStream({ ...io, wire: a }), new IOStream({ ...io, wire: b })] as const;
  const muxes = [
    mux(below[0], { role: 'client', keepAlive: false, ...client }),
    mux(below[1], { role: 'server', keepAlive: false, ...server }, handler),
  ] as const;
  const accepted: IOStream[] = [];
  if (!handler) muxes[1].connections$.subscribe((stream) => accepted.push(stream));
  h.defer(() => {
    for (const each of muxes) each.close();
    for (const each of below) each.reset();
  });
  return {
    client: muxes[0],
    server: muxes[1],
    below,
    accepted,
    dial: (options = {}) => {
      const stream = new IOStream({ ...io, ...options, wire: muxes[0].wire() });
      stream.closed$.subscribe(); // Handles the error of a stream that is open at the end of the spec.
      return stream;
    },
  };
}

/** Dials a stream, and resolves with both ends of it. */
export async function streamOf(
  h: Harness,
  link: LinkedPair,
  options: Partial<IOStreamOptions> = {},
): Promise<readonly [IOStream, IOStream]> {
  const { length } = link.accepted;
  const near = link.dial(options);
  await h.until(() => link.accepted.length > length, 'the stream is accepted');
  return [near, link.accepted[length]!];
}

/** All bytes until the end of a stream. */
export async function bytesOf(io: IOStream): Promise<Buffer> {
  return Buffer.concat(await firstValueFrom(io.data$.pipe(toArray())));
}

/** A frame that a raw peer has received. */
export interface ReceivedFrame extends FrameHeader {
  readonly payload: Buffer;
}

/** A peer of a mux that writes and reads raw frames. */
export class RawPeer {
  readonly io: IOStream;
  readonly frames: ReceivedFrame[] = [];
  #payload: Buffer[] = [];

  constructor(io: IOStream) {
    this.io = io;
    const { frames } = this;
    const reader = new YamuxReader({
      onFrame: (header) => {
        const payload: Buffer[] = (this.#payload = []);
        frames.push(
          Object.defineProperty({ ...header } as ReceivedFrame, 'payload', { get: () => Buffer.concat(payload), enumerable: false }),
        );
        return true;
      },
      onPayload: (bytes) => void this.#payload.push(Buffer.from(bytes)),
    });
    io.data$.subscribe({ next: (bytes) => reader.push(bytes), error: () => {} });
  }

  send(type: number, flags: number, stream: number, length: number, payload: string | Uint8Array = ''): void {
    this.io.write(encodeFrame(type, flags, stream, length));
    if (payload.length > 0) this.io.write(payload);
  }
}

/** A mux whose peer is raw. */
export function rawLink(
  h: Harness,
  options: Partial<MuxOptions> = {},
  { handler, io = {}, pair }: Pick<LinkOptions, 'handler' | 'io' | 'pair'> = {},
): { link: Mux; below: IOStream; peer: RawPeer; accepted: IOStream[] } {
  const [a, b] = memoryPair(pair);
  const below = new IOStream({ ...io, wire: a });
  const link = mux(below, { role: 'server', keepAlive: false, ...options }, handler);
  const peer = new RawPeer(new IOStream({ ...io, wire: b }));
  const accepted: IOStream[] = [];
  if (!handler) link.connections$.subscribe((stream) => accepted.push(stream));
  h.defer(() => {
    below.reset();
    peer.io.reset();
  });
  return { link, below, peer, accepted };
}
