import { once } from 'node:events';
import { connect as connectSocket, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TransformStream } from 'node:stream/web';
import { noop } from 'rxjs';
import { WebSocket, WebSocketServer, type ServerOptions } from 'ws';
import { wirePeer, type Peer } from '../../src/testing/rules/wire-peer.ts';
import type { WireUnderTest } from '../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { webSocket } from '../../src/wire/web-socket/web-socket.ts';
import type { WebSocketConstructor } from '../../src/wire/web-socket/web-socket-like.ts';
import type { WebSocketOptions } from '../../src/wire/web-socket/web-socket-options.ts';
import { webStreams } from '../../src/wire/web-streams/web-streams.ts';
import type { WebStreamsSocket } from '../../src/wire/web-streams/web-streams-socket.ts';

/** Two sockets that are connected by two `TransformStream`s. */
export function transformPair(): readonly [WebStreamsSocket, WebStreamsSocket] {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ];
}

/** A wire over one of a {@link transformPair}, for `checkWire`. A new pair for each subscription. */
export function transformPairUnderTest(): WireUnderTest {
  const others: WebStreamsSocket[] = [];
  let dialled = 0;
  const wire = webStreams(() => {
    dialled += 1;
    const [near, far] = transformPair();
    others.push(far);
    return near;
  });
  const peer = (): Peer => {
    const far = others.shift();
    if (!far) throw new Error('expected a subscription before peer()');
    return wirePeer(
      webStreams(() => far),
      testDial(),
    );
  };
  return { wire, dial: testDial(), peer, dialled: () => dialled };
}

/** Turns a wire of TCP under test into one over the Web streams of its sockets. */
export function overWebStreams(tcp: WireUnderTest, toWeb: (socket: Socket) => WebStreamsSocket): WireUnderTest {
  const { dial, ...rest } = tcp;
  const { to } = dial;
  if (!to || !('port' in to)) throw new Error('expected a port');
  const wire = webStreams(async () => {
    const socket = connectSocket({ ...to, allowHalfOpen: true });
    await once(socket, 'connect');
    return toWeb(socket);
  });
  return { ...rest, dial, wire };
}

/** The streams of a socket of Node, as Node makes them. */
export function duplexToWeb(socket: Socket): WebStreamsSocket {
  return Duplex.toWeb(socket);
}

/** The streams of a socket of Node, in the shape and with the half-close of a WinterTC socket. */
export function winterLike(socket: Socket): WebStreamsSocket {
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => {
      socket.pause().on('data', (chunk: Buffer) => {
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) socket.pause();
      });
      socket.on('end', () => controller.close()).on('error', (error) => controller.error(error));
    },
    pull: () => void socket.resume(),
    cancel: () => void socket.resetAndDestroy(),
  });
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => new Promise((resolve, reject) => void socket.write(chunk, (error) => (error ? reject(error) : resolve()))),
    close: () => new Promise((resolve) => void socket.end(resolve)),
    abort: () => void socket.resetAndDestroy(),
  });
  const [remoteAddress, localAddress] = [`${socket.remoteAddress}:${socket.remotePort}`, `${socket.localAddress}:${socket.localPort}`];
  return {
    readable: readable,
    writable: writable,
    opened: Promise.resolve({ remoteAddress, localAddress, alpn: null }),
    closed: new Promise((resolve, reject) => socket.once('error', reject).once('close', resolve)),
    close: () => void socket.destroy(),
  };
}

/** A socket of Node that behaves as `Deno.Conn`: closing its writable closes both directions, `closeWrite` only ours. */
export function denoLike(socket: Socket): WebStreamsSocket & { readonly remoteAddr: object; readonly localAddr: object } {
  const { readable, writable, closed } = winterLike(socket);
  closed?.then(noop, noop);
  const writer = (writable as unknown as WritableStream<Uint8Array>).getWriter();
  return {
    readable,
    writable: new WritableStream<Uint8Array>({
      write: (chunk) => writer.write(chunk),
      close: () => void socket.destroy(),
      abort: (reason) => writer.abort(reason),
    }),
    closeWrite: () => writer.close(),
    close: () => {
      if (socket.destroyed) throw new Error('BadResource');
      socket.destroy();
    },
    remoteAddr: { transport: 'tcp', hostname: socket.remoteAddress, port: socket.remotePort },
    localAddr: { transport: 'tcp', hostname: socket.localAddress, port: socket.localPort },
  };
}

/** A server of `ws` on loopback. */
export interface WebSocketPeers {
  readonly url: string;
  readonly server: WebSocketServer;
  /** Returns the next accepted socket, or waits for it. */
  accepted(): Promise<WebSocket>;
  /** Number of sockets that were accepted. */
  count(): number;
  close(): Promise<void>;
}

/** @param onAccept called with each socket in the turn in which it is accepted. */
export async function webSocketServer(options: ServerOptions = {}, onAccept?: (socket: WebSocket) => void): Promise<WebSocketPeers> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  const sockets: WebSocket[] = [];
  const waiting: ((socket: WebSocket) => void)[] = [];
  let count = 0;
  server.on('connection', (socket) => {
    count += 1;
    onAccept?.(socket);
    const next = waiting.shift();
    if (next) next(socket);
    else sockets.push(socket);
  });
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    server,
    accepted: async () => sockets.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    count: () => count,
    close: () =>
      new Promise((resolve) => {
        for (const client of server.clients) client.terminate();
        server.close(() => resolve());
      }),
  };
}

/** A WebSocket dialled by the wire, and the accepted one as its peer; or the other way round. */
export async function webSocketUnderTest(
  role: 'client' | 'server',
  options: WebSocketOptions = {},
  Ctor: WebSocketConstructor = WebSocket,
): Promise<WireUnderTest> {
  const accepted: Peer[] = [];
  const waiting: ((peer: Peer) => void)[] = [];
  const peers = await webSocketServer({}, (socket) => {
    if (role === 'server') return;
    const peer = wirePeer(webSocket(socket, options), testDial());
    const next = waiting.shift();
    if (next) next(peer);
    else accepted.push(peer);
  });
  const free = (): Promise<void> => peers.close();
  if (role === 'client') {
    const peer = async (): Promise<Peer> => accepted.shift() ?? new Promise((resolve) => waiting.push(resolve));
    return { wire: webSocket(peers.url, { ...options, WebSocketCtor: Ctor }), dial: testDial(), peer, dialled: () => peers.count(), free };
  }
  const client = wirePeer(webSocket(peers.url, { ...options, WebSocketCtor: Ctor }), testDial());
  const socket = await peers.accepted();
  return { wire: webSocket(socket, options), dial: testDial(), peer: () => client, free };
}
