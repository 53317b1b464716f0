/** The clients of the soak, in the same process as its servers. They dial good and faulty servers, also through proxies. */
import { randomInt } from 'node:crypto';
import {
  connect,
  framed,
  httpProxy,
  IOStream,
  lines,
  open,
  requests,
  socks5,
  tlsClient,
  type IOStreamOptions,
  type Plugin,
} from 'rxjs-io-stream';
import { catchError, concatMap, EMPTY, firstValueFrom, from, lastValueFrom, merge, switchMap, take, timer, type Observable } from 'rxjs';
import { cert } from '../../examples/support/identity.ts';
import { HOST, type Service } from './services.ts';

const timeouts = { establish: 1000, handshake: 500, idle: 1000, write: 1000, close: 500 };

type Options = IOStreamOptions & { readonly host: string; readonly port: number };

/** Ways to use a connection for a moment. */
const uses: readonly ((options: Options) => Promise<unknown>)[] = [
  (options) => done(connect(options, (io) => merge(io.data$.pipe(take(1)), io.send(['hello'])).pipe(take(2)))),
  (options) =>
    done(
      connect(options).pipe(
        switchMap((io) => merge(io.data$, io.send(['hello']))),
        take(2),
      ),
    ),
  (options) => done(connect(options, (io) => io.send([Buffer.alloc(100_000)]))),
  async (options) => {
    const io = await open(options);
    io.end('hello');
    for await (const bytes of io) io.write(bytes.subarray(0, 0));
    io.close();
    await firstValueFrom(io.closed$);
  },
  (options) => {
    const io = new IOStream(options);
    io.errors$.subscribe();
    io.write('hello');
    const closed = firstValueFrom(io.closed$);
    timer(randomInt(20)).subscribe(() => (randomInt(2) === 0 ? io.reset() : io.close()));
    return closed;
  },
  (options) =>
    done(
      connect(options, (io) => {
        const client = requests(framed(io, lines({ maxLength: 1000, unterminated: 'emit' })), { timeout: 300 });
        return from(['a', 'b', 'c']).pipe(concatMap((line) => client.request(line)));
      }),
    ),
];

const done = (work$: Observable<unknown>): Promise<unknown> =>
  lastValueFrom(work$.pipe(catchError(() => EMPTY)), { defaultValue: undefined });

/** Uses connections of every kind until the time is over. Resolves to their number. */
export async function runClients(services: readonly Service[], faulty: number, ms: number, width: number): Promise<number> {
  const until = performance.now() + ms;
  const portOf = (name: string): number => services.find((service) => service.name === name)?.port ?? faulty;
  const [echo, tls] = [portOf('echo'), portOf('tls')];
  const plugins: readonly (readonly [number, Readonly<Record<string, Plugin>>])[] = [
    [echo, {}],
    [tls, { tls: tlsClient({ ca: cert, servername: 'localhost' }) }],
    [tls, { tls: tlsClient({ servername: 'localhost' }) }],
    [echo, { tls: tlsClient({ ca: cert, servername: 'localhost' }) }],
    [echo, { proxy: socks5({ host: HOST, port: portOf('socks5 proxy') }) }],
    [echo, { proxy: httpProxy({ host: HOST, port: portOf('http proxy') }) }],
    [faulty, { proxy: socks5({ host: HOST, port: portOf('socks5 proxy') }) }],
    [tls, { tls: tlsClient({ ca: cert, servername: 'localhost' }), proxy: httpProxy({ host: HOST, port: portOf('http proxy') }) }],
    [echo, { proxy: httpProxy({ host: HOST, port: faulty }) }],
    [echo, { proxy: socks5({ host: HOST, port: faulty }) }],
    [faulty, {}],
    [1, {}],
  ];
  let connections = 0;
  const worker = async (at: number): Promise<void> => {
    for (let turn = at; performance.now() < until; turn += 1) {
      const [port, plugin] = plugins[turn % plugins.length]!;
      connections += 1;
      await uses[randomInt(uses.length)]!({ host: HOST, port, plugin, timeouts }).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: width }, (_, at) => worker(at)));
  return connections;
}
