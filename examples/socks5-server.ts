// A SOCKS5 server (RFC 1928): CONNECT to names and addresses, without authentication or with user and password (RFC 1929).
//   npx tsx examples/socks5-server.ts [--host ADDRESS] [--port PORT] [--user USER --pass PASSWORD] [--allow '*:443']… [--local]
import { createHash, timingSafeEqual } from 'node:crypto';
import { connect, converse, IOStreamError, listen, relay, type IOStream, type Link, type Need, type Server } from 'rxjs-io-stream';
import { catchError, concatMap, defer, EMPTY, switchMap, tap, timeout, type Observable } from 'rxjs';
import { runProgram } from './support/command-line.ts';
import { guarded, isForbidden } from './support/destinations.ts';
import { printable } from './support/printable.ts';
import { checkProxy, proxyArguments, type ProxyOptions } from './support/proxy-options.ts';
import type { Target } from './support/target.ts';
import { serveUntilInterrupted } from './support/until-interrupted.ts';

export type Socks5ServerOptions = ProxyOptions;

type Conversation<T> = Generator<Need, T, Uint8Array>;
/** The target that a client requested, or why it was refused. The refusal has been sent then. */
type Request = Target | { readonly refused: string };

/** Milliseconds to wait for a complete request. */
const REQUEST_TIMEOUT = 10_000;
/** The reply codes of RFC 1928 section 6. Any other error is 1, a general failure. */
const REPLIES: Readonly<Record<string, number>> = { ENETUNREACH: 3, EHOSTUNREACH: 4, ETOCONNECT: 4, EDNS: 4, ECONNREFUSED: 5 };

/** Serves while subscribed. Emits the server when it listens. */
export function socks5Server(options: Socks5ServerOptions = {}): Observable<Server> {
  const { host = '127.0.0.1', port = 0 } = options;
  // Host names are untrusted input, and error messages contain them.
  const log = (line: string): void => options.log?.(printable(line));
  checkProxy(options);
  return listen({ host, port, allowHalfOpen: true }, (io) =>
    converse(io, (link) => negotiate(link, options)).pipe(
      timeout(REQUEST_TIMEOUT),
      concatMap((request) => {
        log(`${io.remoteAddress}: ${'refused' in request ? request.refused : `to ${request.host} port ${request.port}`}`);
        // Completing closes the connection, after all written bytes have been sent.
        return 'refused' in request ? EMPTY : through(io, request, options, log);
      }),
    ),
  );
}

/** Reads the request of the client. */
function* negotiate(link: Link, { user, pass }: Socks5ServerOptions): Conversation<Request> {
  const [version, count = 0] = yield* link.read(2);
  if (version !== 5) return { refused: `speaks version ${version}` };
  const method = user === undefined ? 0 : 2;
  const offered = yield* link.read(count);
  link.send(Uint8Array.of(5, offered.includes(method) ? method : 0xff));
  if (!offered.includes(method)) return { refused: `does not offer method ${method}` };

  if (method === 2) {
    yield* link.read(1);
    const credentials = [yield* readText(link), yield* readText(link)];
    const welcome = isSame(JSON.stringify(credentials), JSON.stringify([user, pass]));
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

/** Connects, sends the reply, and relays until both sides have ended. */
function through(io: IOStream, target: Target, options: Socks5ServerOptions, log: (line: string) => void): Observable<unknown> {
  let answered = false;
  return defer(() => connect(guarded(target, options, io.localPort))).pipe(
    tap(() => {
      answered = true;
    }),
    catchError((error: unknown) => {
      if (answered || !(error instanceof IOStreamError || isForbidden(error))) throw error;
      log(`${io.remoteAddress}: ${(error as Error).message}`);
      io.write(reply(isForbidden(error) ? 2 : (REPLIES[(error as IOStreamError).code] ?? 1)));
      return EMPTY;
    }),
    switchMap((other) => {
      io.write(reply(0, other));
      return relay(io, other);
    }),
  );
}

/** Compares in constant time. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(a, b);
}

/** Reads text with a length prefix: a host name, a user, a password. */
function* readText(link: Link): Conversation<string> {
  const [length = 0] = yield* link.read(1);
  return Buffer.from(yield* link.read(length)).toString();
}

const v4Text = (bytes: Uint8Array): string => bytes.join('.');
const v6Text = (bytes: Uint8Array): string => (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':');

/** Encodes a reply with the local address of the connection. An IPv6 address is replaced by zeros, as in many servers. */
function reply(status: number, { localAddress = '', localPort = 0 }: Partial<IOStream> = {}): Uint8Array {
  const address = localAddress.includes('.') && !localAddress.includes(':') ? localAddress.split('.').map(Number) : [0, 0, 0, 0];
  return Uint8Array.of(5, status, 0, 1, ...address, localPort >> 8, localPort & 255);
}

runProgram(import.meta.url, () => serveUntilInterrupted(socks5Server(proxyArguments('1080'))));
