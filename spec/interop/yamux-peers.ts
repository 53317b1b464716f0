import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform, type Duplex } from 'node:stream';
import { yamux, type YamuxMuxerInit } from '@chainsafe/libp2p-yamux';
import { Client, Server } from 'yamux-js';
import { IOStream } from 'rxjs-io-stream';
import { mux, type Mux } from '../../src/mux/mux.ts';
import type { MuxOptions } from '../../src/mux/mux-options.ts';
import { encodeFrame } from '../../src/protocol/yamux.ts';
import { YamuxReader } from '../../src/protocol/yamux-reader.ts';
import type { Harness } from '../support/harness.ts';

/** The muxer of libp2p, and one of its streams. */
export type Libp2pMuxer = ReturnType<ReturnType<ReturnType<typeof yamux>>['createStreamMuxer']>;
export type Libp2pStream = Awaited<ReturnType<Libp2pMuxer['createStream']>>;

/** A mux of ours on one end of a TCP connection on loopback, and the socket at the other end. */
export async function muxAndSocket(h: Harness, options: MuxOptions): Promise<{ readonly link: Mux; readonly socket: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepting = once(server, 'connection') as Promise<[Socket]>;
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [socket] = await accepting;
  const io = new IOStream({ fh: near });
  h.defer(() => {
    io.reset();
    socket.destroy();
    server.close();
  });
  return { link: mux(io, options), socket };
}

/** Cuts a byte stream into whole frames: yamux-js 0.2 loses bytes of a frame that comes in several chunks. */
function wholeFrames(): Transform {
  let frame: Uint8Array[] = [];
  let remaining = 0;
  const cutter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      reader.push(new Uint8Array(chunk)); // A copy: the reader keeps views.
      done();
    },
  });
  const emit = (): void => {
    if (remaining === 0) cutter.push(Buffer.concat(frame));
  };
  const reader = new YamuxReader({
    onFrame: ({ type, flags, stream, length }) => {
      frame = [encodeFrame(type, flags, stream, length)];
      remaining = type === 0 ? length : 0;
      emit();
      return true;
    },
    onPayload: (bytes) => {
      frame.push(bytes);
      remaining -= bytes.length;
      emit();
    },
  });
  return cutter;
}

/** A session of yamux-js on a socket. */
export function yamuxJs(
  h: Harness,
  socket: Socket,
  role: 'client' | 'server',
  onStream: (stream: Duplex) => void = () => {},
): Client | Server {
  const config = { enableKeepAlive: false, logger: () => undefined };
  const session = role === 'client' ? new Client(config) : new Server(onStream, config);
  socket.pipe(wholeFrames()).pipe(session).pipe(socket);
  h.defer(() => session.destroy());
  return session;
}

type Logger = ((...parts: unknown[]) => void) & { error(): void; trace(): void; newScope(): Logger };

const silent: Logger = Object.assign(() => undefined, { error: () => undefined, trace: () => undefined, newScope: () => silent });

/** A message of a connection of libp2p. */
class MessageEvent extends Event {
  readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    super('message');
    this.data = data;
  }
}

/** A socket as a connection of libp2p: the parts of it that its muxer uses. */
class SocketConnection extends EventTarget {
  readonly log = silent;
  readonly direction: 'inbound' | 'outbound';
  readonly #socket: Socket;

  constructor(socket: Socket, direction: 'inbound' | 'outbound') {
    super();
    this.#socket = socket;
    this.direction = direction;
    socket.on('data', (chunk) => this.dispatchEvent(new MessageEvent(new Uint8Array(chunk))));
    socket.on('drain', () => this.dispatchEvent(new Event('drain')));
    socket.on('close', () => this.dispatchEvent(new Event('close')));
  }

  send(data: { subarray(): Uint8Array }): boolean {
    return this.#socket.write(data.subarray());
  }

  abort(error: Error): void {
    this.#socket.destroy(error);
  }

  close(): Promise<void> {
    this.#socket.end();
    return Promise.resolve();
  }
}

/** A muxer of libp2p on a socket. */
export function libp2p(socket: Socket, role: 'client' | 'server', init: YamuxMuxerInit = {}): Libp2pMuxer {
  addWithResolvers();
  const connection = new SocketConnection(socket, role === 'client' ? 'outbound' : 'inbound');
  return yamux({ enableKeepAlive: false, ...init })().createStreamMuxer(connection as never);
}

/** libp2p-yamux 8 uses `Promise.withResolvers`, which Node has since version 22. */
function addWithResolvers(): void {
  const constructor = Promise as { withResolvers?: () => object };
  constructor.withResolvers ??= () => {
    const settle: Record<string, unknown> = {};
    const promise = new Promise((resolve, reject) => void Object.assign(settle, { resolve, reject }));
    return { promise, ...settle };
  };
}

/** Collects the bytes of a stream of libp2p until its end. */
export function collect(stream: Libp2pStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  stream.addEventListener('message', ({ data }) => void chunks.push(data.slice()));
  return new Promise((resolve, reject) => {
    stream.addEventListener('remoteCloseWrite', () => resolve(Buffer.concat(chunks)));
    stream.addEventListener('close', ({ error }) => (error ? reject(error) : resolve(Buffer.concat(chunks))));
  });
}
