// A SOCKS5 server (RFC 1928): CONNECT to names and addresses, without authentication or with user and password (RFC 1929).
//   npx tsx examples/socks5-server.ts [--host ADDRESS] [--port PORT] [--user USER --pass PASSWORD]
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connect, converse, IOStreamError, listen, relay, type IOStream, type Link, type Need, type Server } from 'rxjs-io-stream';
import { catchError, concatMap, EMPTY, switchMap, tap, timeout, type Observable } from 'rxjs';
import { serveUntilInterrupted } from './support.ts';

export interface Socks5ServerOptions {
  /** Where to listen. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port?: number;
  /** Both or none: whom to let in. */
  readonly user?: string;
  readonly pass?: string;
  /** Told what is done, line by line. */
  readonly log?: (line: string) => void;
}

type Talk<T> = Generator<Need, T, Uint8Array>;
/** Where a client wants to go, or what it was refused for; it has been told then. */
type Wish = { readonly host: string; readonly port: number } | { readonly refused: string };

/** So many milliseconds has a client to say what it wants. */
const PATIENCE = 10_000;
/** What went wrong, in the numbers of RFC 1928 section 6; anything else is 1, a general failure. */
const REPLIES: Readonly<Record<string, number>> = { ENETUNREACH: 3, EHOSTUNREACH: 4, ETOCONNECT: 4, EDNS: 4, ECONNREFUSED: 5 };

/** Serves for as long as it is subscribed; emits the server once it listens. */
export function socks5Server(options: Socks5ServerOptions = {}): Observable<Server> {
  const { host = '127.0.0.1', port = 0, log = () => {} } = options;
  return listen({ host, port, allowHalfOpen: true }, (io) =>
    converse(io, (link) => negotiate(link, options)).pipe(
      timeout(PATIENCE),
      concatMap((wish) => {
        log(`${io.remoteAddress}: ${'refused' in wish ? wish.refused : `to ${wish.host} port ${wish.port}`}`);
        // Completing closes the connection, when all that was written has left.
        return 'refused' in wish ? EMPTY : through(io, wish.host, wish.port, log);
      }),
    ),
  );
}

/** Hears out what the client wants. */
function* negotiate(link: Link, { user, pass }: Socks5ServerOptions): Talk<Wish> {
  const [version, count = 0] = yield* link.read(2);
  if (version !== 5) return { refused: `speaks version ${version}` };
  const method = user === undefined ? 0 : 2;
  const offered = yield* link.read(count);
  link.send(Uint8Array.of(5, offered.includes(method) ? method : 0xff));
  if (!offered.includes(method)) return { refused: `does not offer method ${method}` };

  if (method === 2) {
    yield* link.read(1);
    const welcome = [yield* readText(link), yield* readText(link)].join('\0') === [user, pass].join('\0');
    link.send(Uint8Array.of(1, welcome ? 0 : 1));
    if (!welcome) return { refused: 'has another user or password' };
  }

  const [, command, , type] = yield* link.read(4);
  const host = type === 1 ? v4Text(yield* link.read(4)) : type === 4 ? v6Text(yield* link.read(16)) : yield* readText(link);
  const [high = 0, low = 0] = yield* link.read(2);
  if (command === 1) return { host, port: high * 256 + low };
  link.send(reply(7));
  return { refused: `wants command ${command}` };
}

/** Connects, says whether that went well, and lets the bytes pass until both sides have ended. */
function through(io: IOStream, host: string, port: number, log: (line: string) => void): Observable<unknown> {
  let answered = false;
  return connect({ host, port }).pipe(
    tap(() => (answered = true)),
    catchError((error: unknown) => {
      if (answered || !(error instanceof IOStreamError)) throw error;
      log(`${io.remoteAddress}: ${error.message}`);
      io.write(reply(REPLIES[error.code] ?? 1));
      return EMPTY;
    }),
    switchMap((other) => {
      io.write(reply(0, other));
      return relay(io, other);
    }),
  );
}

/** A length and so much text: a name, a user, a password. */
function* readText(link: Link): Talk<string> {
  const [length = 0] = yield* link.read(1);
  return Buffer.from(yield* link.read(length)).toString();
}

const v4Text = (bytes: Uint8Array): string => bytes.join('.');
const v6Text = (bytes: Uint8Array): string => (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':');

/** A reply with the address we connected from; an IPv6 one is left out, as many servers do. */
function reply(status: number, { localAddress = '', localPort = 0 }: Partial<IOStream> = {}): Uint8Array {
  const address = localAddress.includes('.') && !localAddress.includes(':') ? localAddress.split('.').map(Number) : [0, 0, 0, 0];
  return Uint8Array.of(5, status, 0, 1, ...address, localPort >> 8, localPort & 255);
}

function main(): void {
  const { values } = parseArgs({
    options: { host: { type: 'string' }, port: { type: 'string' }, user: { type: 'string' }, pass: { type: 'string' } },
  });
  const { port = '1080', ...rest } = values;
  if ((rest.user === undefined) !== (rest.pass === undefined)) throw new TypeError('expected --user and --pass both or none, got one');
  serveUntilInterrupted(socks5Server({ ...rest, port: Number(port), log: (line) => console.log(line) }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
