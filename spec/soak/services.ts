/** The servers of the soak: each kind of handler, with short timeouts, on a port of its own. */
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import {
  connect,
  converse,
  framed,
  type IOStream,
  lines,
  listen,
  relay,
  tlsServer,
  toDuplex,
  type IOStreamOptions,
  type Server,
} from 'rxjs-io-stream';
import {
  firstValueFrom,
  ignoreElements,
  interval,
  map,
  NEVER,
  ReplaySubject,
  switchMap,
  tap,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import { connectProxy } from '../../examples/connect-proxy.ts';
import { socks5Server } from '../../examples/socks5-server.ts';
import { cert, key } from '../../examples/support/identity.ts';

/** How a client talks to a service. */
export type Speech = 'echo' | 'lines' | 'tls' | 'http' | 'listen' | 'proxy';

export interface Service {
  readonly name: string;
  readonly speech: Speech;
  readonly port: number;
  /** Returns the number of open connections. */
  readonly size: () => number | Promise<number>;
  readonly stop: () => void;
}

export const HOST = '127.0.0.1';
const LIMITS: IOStreamOptions = { timeouts: { handshake: 500, establish: 1000, idle: 1000, write: 1000, close: 500 }, inBufLimit: 2 ** 20 };
const codec = lines({ maxLength: 4096, unterminated: 'emit' });
const discard = { next: () => {}, error: () => {} };

type Handler = (io: IOStream) => ObservableInput<unknown>;

/** Handlers of `listen`; `relay` leads to the port of another service. */
const handlers: Readonly<Record<string, readonly [Speech, (echo: number) => Handler, IOStreamOptions?]>> = {
  'send itself': ['echo', () => (io) => io.send(io)],
  data$: [
    'echo',
    () => (io) =>
      io.data$.pipe(
        tap((bytes) => io.write(bytes)),
        ignoreElements(),
      ),
  ],
  'data$, by itself': ['echo', () => (io) => (io.data$.subscribe({ ...discard, next: (bytes) => io.write(bytes) }), io.closed$)],
  iteration: [
    'echo',
    () => async (io) => {
      for await (const bytes of io) io.write(bytes);
    },
  ],
  consume: ['echo', () => (io) => io.consume((bytes) => io.send([bytes]))],
  'consume, slowly': ['echo', () => (io) => io.consume((bytes) => wait(1).then(() => io.write(bytes)))],
  converse: [
    'lines',
    () => (io) =>
      converse(io, function* (link) {
        for (let turn = 0; turn < 3; turn += 1) link.send(yield* link.readUntil('\n', 4096));
      }),
  ],
  lines: [
    'lines',
    () => (io) => {
      const { messages$, write } = framed(io, codec);
      return messages$.pipe(tap((line) => write(line)));
    },
  ],
  'lines, consumed': [
    'lines',
    () => (io) => {
      const messages = framed(io, codec);
      return messages.consume((line) => wait(1).then(() => messages.write(line)), { concurrency: 4 });
    },
  ],
  relay: ['echo', (echo) => (io) => connect({ ...LIMITS, host: HOST, port: echo }).pipe(switchMap((other) => relay(io, other)))],
  'push only': ['listen', () => (io) => interval(5).pipe(map(() => io.write('tick\n')))],
  'push by send': ['listen', () => (io) => io.send(interval(5).pipe(map((n) => `tick ${n}\n`)))],
  never: ['echo', () => () => NEVER],
  throws: [
    'echo',
    () => () => {
      throw new Error('a bug of the handler');
    },
  ],
  tls: ['tls', () => (io) => io.send(io), { plugin: { tls: tlsServer({ key, cert }) } }],
};

async function listening(name: string, speech: Speech, server$: Observable<Server>): Promise<Service> {
  const servers = new ReplaySubject<Server>(1);
  const serving = server$.subscribe(servers);
  const server = await firstValueFrom(servers);
  server.errors$.subscribe();
  return { name, speech, port: (server.address as AddressInfo).port, size: () => server.size, stop: () => serving.unsubscribe() };
}

/** Node's own echo, to compare with. */
async function plain(): Promise<Service> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('error', () => {}).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return {
    name: 'node:net',
    speech: 'echo',
    port: (server.address() as AddressInfo).port,
    size: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
    stop: () => server.close(),
  };
}

/** Node's HTTP server, whose sockets are Duplexes of ours. */
function http(): Promise<Service> {
  const server = createHttpServer((request, response) => {
    request.pipe(response).on('error', () => {});
  }).on('clientError', (_, socket) => socket.destroy());
  const serve: Handler = (io) => {
    server.emit('connection', toDuplex(io));
    return io.closed$;
  };
  return listening('http over toDuplex', 'http', listen({ ...LIMITS, host: HOST, port: 0 }, serve));
}

/** Starts all services, or those whose name passes the filter. */
export async function startServices(isWanted: (name: string) => boolean): Promise<Service[]> {
  const services: Service[] = [];
  const echo = await listening(
    'echo',
    'echo',
    listen({ ...LIMITS, host: HOST, port: 0 }, (io) => io.send(io)),
  );
  services.push(echo);
  for (const [name, [speech, handlerTo, options]] of Object.entries(handlers)) {
    if (isWanted(name))
      services.push(await listening(name, speech, listen({ ...LIMITS, ...options, host: HOST, port: 0 }, handlerTo(echo.port))));
  }
  if (isWanted('node:net')) services.push(await plain());
  if (isWanted('http over toDuplex')) services.push(await http());
  if (isWanted('socks5 proxy')) services.push(await listening('socks5 proxy', 'proxy', socks5Server({ local: true })));
  if (isWanted('http proxy')) services.push(await listening('http proxy', 'proxy', connectProxy({ local: true, timeout: 1000 })));
  return services;
}
