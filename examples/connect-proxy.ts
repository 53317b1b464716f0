// An HTTP proxy for tunnels (CONNECT, RFC 9110 section 9.3.6), with backpressure and half-close both ways.
//   npx tsx examples/connect-proxy.ts [--host 127.0.0.1] [--port 3128] [--user me --pass secret] [--allow '*:443']… [--local]
//   curl --proxy http://me:secret@127.0.0.1:3128 --proxytunnel https://example.com/
import { timingSafeEqual } from 'node:crypto';
import {
  connect,
  converse,
  EPROTOCOL,
  IOStreamError,
  listen,
  relay,
  type IOStream,
  type Link,
  type Need,
  type Server,
} from 'rxjs-io-stream';
import { catchError, defer, EMPTY, finalize, mergeMap, throwError, timeout, TimeoutError, type Observable } from 'rxjs';
import { runProgram } from './support/command-line.ts';
import { guarded, isForbidden } from './support/destinations.ts';
import { checkProxy, proxyArguments, type ProxyOptions } from './support/proxy-options.ts';
import type { Target } from './support/target.ts';
import { serveUntilInterrupted } from './support/until-interrupted.ts';

export interface ConnectProxyOptions extends ProxyOptions {
  /** Milliseconds to wait for a request, and for a target to connect. @default 10_000 */
  readonly timeout?: number | undefined;
}

const DEFAULT_TIMEOUT = 10_000;

/** An HTTP response that refuses a tunnel. */
class Refusal extends Error {
  readonly headers: string;

  constructor(status: string, headers = '') {
    super(status);
    this.headers = headers;
  }
}

/** Listens while subscribed. Emits the server; its `address` has the port. */
export function connectProxy(options: ConnectProxyOptions = {}): Observable<Server> {
  const { host = '127.0.0.1', port = 0 } = options;
  checkProxy(options);
  return listen({ host, port, allowHalfOpen: true }, (client) => serve(client, options));
}

/** Serves one connection. `listen` closes it when the Observable completes, and resets it when it errors. */
function serve(client: IOStream, options: ConnectProxyOptions): Observable<unknown> {
  const { log = () => {}, timeout: ms = DEFAULT_TIMEOUT } = options;
  const from = `${client.remoteAddress ?? '?'}:${client.remotePort ?? '?'}`;
  return converse(client, readRequest).pipe(
    timeout(ms),
    mergeMap((head) => tunnel(client, targetOf(head, options), options, (line) => log(`${from} ${line}`))),
    catchError((error: unknown) => {
      const refusal = asRefusal(error);
      if (!refusal) return throwError(() => error); // the tunnel failed: reset the client too
      log(`${from} ${refusal.message}`);
      client.write(`HTTP/1.1 ${refusal.message}\r\n${refusal.headers}Connection: close\r\nContent-Length: 0\r\n\r\n`);
      return EMPTY;
    }),
  );
}

/** Reads the head of the request. Later bytes remain in the stream for the target. */
function* readRequest(link: Link): Generator<Need, string, Uint8Array> {
  return Buffer.from(yield* link.readUntil('\r\n\r\n', 16_384)).toString('latin1');
}

/** Returns the target of a request. Throws a Refusal if the request or its credentials are wrong. */
function targetOf(head: string, { user, pass }: ConnectProxyOptions): Target {
  const [line = '', ...fields] = head.trimEnd().split('\r\n');
  const [, method, uri = ''] = /^([!-~]+) ([!-~]+) HTTP\/1\.\d$/.exec(line) ?? [];
  if (method === undefined) throw new Refusal('400 Bad Request');
  if (method !== 'CONNECT') throw new Refusal('405 Method Not Allowed', 'Allow: CONNECT\r\n');
  if (user !== undefined && !fields.some((field) => admits(field, `${user}:${pass ?? ''}`)))
    throw new Refusal('407 Proxy Authentication Required', 'Proxy-Authenticate: Basic realm="proxy", charset="UTF-8"\r\n');
  const [, address, name, digits] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(uri) ?? [];
  const target = { host: address ?? name ?? '', port: Number(digits) };
  if (!(target.port >= 1 && target.port <= 65_535)) throw new Refusal('400 Bad Request');
  return target;
}

/** Whether a header has these credentials (RFC 7617), compared in constant time. */
function admits(field: string, credentials: string): boolean {
  const [, encoded] = /^proxy-authorization:[ \t]*basic[ \t]+([\w+/]+=*)[ \t]*$/i.exec(field) ?? [];
  const [received, expected] = [Buffer.from(encoded ?? '', 'base64'), Buffer.from(credentials)];
  return received.length === expected.length && timingSafeEqual(received, expected);
}

/** Connects to the target and relays, until both directions have ended. */
function tunnel(client: IOStream, target: Target, options: ConnectProxyOptions, log: (line: string) => void): Observable<unknown> {
  const { host, port } = target;
  const timeouts = { establish: options.timeout ?? DEFAULT_TIMEOUT };
  let open = false;
  return defer(() => connect({ ...guarded(target, options, client.localPort), timeouts })).pipe(
    mergeMap((other) => {
      open = true;
      log(`→ ${host}:${port}`);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      return relay(client, other).pipe(
        finalize(() => log(`→ ${host}:${port} closed: ${other.outBytes} bytes there, ${other.inBytes} back`)),
      );
    }),
    catchError((error: unknown) => throwError(() => (open ? error : unreachable(error)))),
  );
}

function unreachable(error: unknown): Refusal {
  if (isForbidden(error)) return new Refusal('403 Forbidden');
  const late = error instanceof IOStreamError && (error.code === 'ETOCONNECT' || error.code === 'ETIMEDOUT');
  return new Refusal(late ? '504 Gateway Timeout' : '502 Bad Gateway');
}

/** Returns the HTTP response for an error before the tunnel is open. */
function asRefusal(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (error instanceof TimeoutError) return new Refusal('408 Request Timeout');
  return error instanceof IOStreamError && error.code === EPROTOCOL ? new Refusal('400 Bad Request') : undefined;
}

runProgram(import.meta.url, () => serveUntilInterrupted(connectProxy(proxyArguments('3128'))));
