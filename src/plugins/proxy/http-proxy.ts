import { isIPv6 } from 'node:net';
import {
  catchError,
  concat,
  defaultIfEmpty,
  from,
  NEVER,
  Observable,
  of,
  retry,
  throwError,
  type ObservableInput,
  type OperatorFunction,
  type Subscriber,
} from 'rxjs';
import { EPROXY, EPROXYAUTH, IOStreamError } from '../../errors.ts';
import { httpConnect, type ConnectRequest, type ConnectState, type ProxyChallenge, type Tunnel } from '../../protocol/http-connect.ts';
import { basic, fieldsOf, type HeadersInput } from '../../protocol/http-fields.ts';
import type { Link } from '../../protocol/link.ts';
import type { Talk } from '../../protocol/need.ts';
import { Secrets } from '../../protocol/secrets.ts';
import { guardedSubscriber, type GuardedObserver } from '../../util/guarded-subscriber.ts';
import { isPort, PROXY_REQUIRED, PROXY_RULES } from './proxy-options.ts';
import { proxyTarget } from './proxy-target.ts';
import { isUrl, readProxyUrl, type ProxyUrlRules } from './proxy-url.ts';
import { checkOptions, type Rule, type Rules } from '../../util/check-options.ts';
import { END, RESUME, type Dial, type Flow, type Plugin, type Target, type Up, type Wire } from '../../wire/signal.ts';
import { after } from '../../util/timer.ts';
import { handshake } from '../../layers/handshake.ts';

/** Returns the value of Proxy-Authorization for a challenge. Nothing, or an empty string, gives up. */
export type ProxyAuth = (challenge: ProxyChallenge) => ObservableInput<string | undefined> | string | undefined;

/**
 * The address and the options of an HTTP proxy.
 *
 * Errors and details show `***` for credentials and values of `headers` (4 characters or more) that the proxy repeats, also if they
 * are escaped, in hexadecimal or in Base64.
 */
export interface HttpProxyOptions {
  /** The name or address of the proxy; an IPv6 address may be in brackets. */
  readonly host: string;
  /** The port of the proxy, 1 to 65535. */
  readonly port: number;
  /** The user for Basic authentication (RFC 7617), without colon. Sent in UTF-8 with the first request. Requires `pass`. */
  readonly user?: string | undefined;
  /** The password of `user`. */
  readonly pass?: string | undefined;
  /**
   * Additional headers of the request, by name or as pairs. Not allowed: Host, which is that of the target, and Content-Length and
   * Transfer-Encoding, because the request has no body. Proxy-Authorization is allowed only without `user`.
   */
  readonly headers?: HeadersInput | undefined;
  /**
   * Called when the proxy answers 407, also if it has refused `user` and `pass`; at most 5 times for each connection. The first value
   * is the Proxy-Authorization of the next request.
   *
   * - The next request reuses the connection after the body of the 407 has arrived, however late. So schemes of several steps, such as
   *   NTLM, work.
   * - That requires HTTP/1.1 without `close` or HTTP/1.0 with `keep-alive`, and a body with a length or chunks, of at most 64 KiB.
   * - Otherwise, or if the connection breaks meanwhile, a new connection is used, within the same `timeouts.establish`. The message of
   *   EPROXYAUTH states if that was so for each challenge.
   * - With `auth`, each signal costs a few more calls, also when the tunnel is open.
   */
  readonly auth?: ProxyAuth | undefined;
}

const CREDENTIAL: Rule = ['a string', (value) => typeof value === 'string'];
const RULES: Rules = {
  ...PROXY_RULES,
  user: CREDENTIAL,
  pass: CREDENTIAL,
  headers: ['a record or pairs', (value) => typeof value === 'object' && value !== null],
  auth: ['a function', (value) => typeof value === 'function'],
};

const URLS: ProxyUrlRules = {
  caller: 'httpProxy',
  schemes: ['http:'],
  port: 80,
  advice: { 'https:': "for TLS to the proxy, lay `tlsClient` below: { proxy: httpProxy('http://host:443'), tls: tlsClient() }" },
};

/** Headers whose values belong to HTTP and are not secrets of the user. */
const HOP_BY_HOP: readonly string[] = ['connection', 'proxy-connection', 'keep-alive'];

/** The maximum wait for the body of a refusal, in milliseconds. The refusal itself is known already. */
const BODY_TIME = 500;

/**
 * Creates a plugin that connects through an HTTP proxy, by CONNECT (RFC 9110 section 9.3.6).
 *
 * ```text
 *   application             httpProxy                wire ═ proxy
 *        │                     │◀──── connected ─────│   to the proxy's host and port
 *        │                     │────── data ────────▶│   CONNECT example.com:443 HTTP/1.1, Host, Proxy-Authorization, headers
 *        │                     │◀───── data ─────────│   HTTP/1.1 200 OK and headers, up to an empty line
 *        │◀──── connected ─────│                     │   details: status, reply, headers
 *        │◀═══════════════ bytes, both ways ════════▶│ ═ target
 * ```
 *
 * Any 2xx opens the tunnel, with HTTP/1.0 or 1.1. Up to 16 interim replies (1xx) are skipped. No byte of the application is written
 * before. An IPv6 target is sent in brackets, a name in ASCII; the proxy resolves it.
 *
 * To chain proxies, stack them: `{ b: httpProxy(second), a: httpProxy(first) }` dials `first`. For TLS to the proxy, stack it on
 * `tlsClient`, which then checks the proxy's name: `{ proxy: httpProxy(…), tls: tlsClient() }`.
 *
 * **Errors**, all in phase `handshake`, without the credentials:
 * - EPROXY: the proxy refuses, or closes before its reply is complete. A refusal has `status`, `reply`, `headers` and the first KiB of
 *   `body`, received within 500 ms. If the connection breaks meanwhile, that error is the `cause`.
 * - EPROXYAUTH: a 407, with the same fields and the parsed `challenges`; or `auth` failed.
 * - EPROTOCOL: a malformed head, reported at the first wrong byte, or one larger than 16 KiB. Folded headers are accepted.
 * - ETOHANDSHAKE; the system's code, if the connection breaks before a refusal.
 *
 * **Closing**
 * - Unsubscribing frees everything at once.
 *
 * **Backpressure**
 * - Lossless.
 *
 * ```ts
 * import { IOStream, httpProxy } from 'rxjs-io-stream';
 *
 * const proxy = httpProxy({ host: '127.0.0.1', port: 3128, user: 'me', pass: 'secret' });
 * const io = new IOStream({ host: 'example.com', port: 80, plugin: { proxy } });
 * io.write('GET / HTTP/1.0\r\nHost: example.com\r\n\r\n');
 * io.data$.subscribe({ next: (bytes) => process.stdout.write(bytes), error: console.error });
 * ```
 *
 * @param proxy the options, read once; or a URL: `http://user:password@host:port`. User and password are percent-encoded and optional.
 *   The port is 80 by default.
 * @throws TypeError for invalid options, at the call, without the credentials. At the dial, if there is no target, it is a path, or
 *   its host has characters that no name has.
 * @see {@link socks5}, {@link tlsClient}
 */
export function httpProxy(proxy: HttpProxyOptions | string | URL): Plugin<Tunnel> {
  const { to, authorization, secrets, ...asked } = checked(isUrl(proxy) ? readProxyUrl(proxy, URLS) : proxy);
  return (wire) => (dial) => {
    const request = { ...asked, authority: authorityOf(dial.to) };
    const below = wire({ ...dial, to });
    return (flow$) =>
      new Observable<Up>((up) => {
        const talks = new Talks(request, dial, { authorization, secrets });
        const plugin = handshake({ to, early: EPROXY, talk: (link) => talks.talk(link) });
        const tunnel = plugin(() => talks.over(below))(dial);
        if (request.auth) new Redial(up).start(flow$, tunnel);
        else flow$.pipe(tunnel).subscribe(up);
      });
  };
}

/**
 * Thrown by a conversation that cannot continue on this connection. A shared constant: its `layer` is set so that no other code sets
 * it.
 */
const REDIAL = Object.freeze(new IOStreamError(EPROXYAUTH, { phase: 'handshake', layer: 'httpProxy' }));

/** Connects the outbound flow to one connection after another, if there is an `auth`. */
class Redial implements GuardedObserver<Flow> {
  readonly #up: Subscriber<Up>;
  readonly #fromAbove: Subscriber<Flow> = guardedSubscriber<Flow>(this);
  /** The outbound side of the current connection. */
  #down: Subscriber<Flow> | undefined;
  /** The last pause or resume. No other signal can precede a new connection. */
  #last: Flow | undefined;

  constructor(up: Subscriber<Up>) {
    this.#up = up;
  }

  start(flow$: Observable<Flow>, tunnel: OperatorFunction<Flow, Up>): void {
    this.#up.add(this.#fromAbove);
    const kept$ = new Observable<Flow>((down) => {
      const isFirst = !this.#down;
      this.#down = down;
      if (this.#last) down.next(this.#last);
      if (isFirst) flow$.subscribe(this.#fromAbove);
    });
    kept$.pipe(tunnel, retry({ delay: (error) => this.#again(error) })).subscribe(this.#up);
  }

  next(signal: Flow): void {
    if (signal.kind === 'pause' || signal.kind === 'resume') this.#last = signal;
    this.#down?.next(signal);
  }

  error(reason: unknown): void {
    this.#down?.error(reason);
    this.#up.error(reason); // The connection may be closed already.
  }

  complete(): void {
    if (this.#down?.closed) this.#up.complete();
    else this.#down?.complete();
  }

  #again(error: unknown): Observable<unknown> {
    if (error !== REDIAL) return throwError(() => error);
    this.#up.next(RESUME); // The previous connection may have sent a pause.
    return of(true);
  }
}

/** The conversations of one subscription: on one connection, or with `auth` on several. */
class Talks implements ConnectState {
  authorization: string | undefined;
  attempt = 0;
  asking = false;
  challenges = 0;
  connections = 0;
  readonly secrets: Secrets;
  readonly #request: ConnectRequest;
  readonly #dial: Dial;
  #below: Subscriber<Up> | undefined;

  constructor(request: ConnectRequest, dial: Dial, { authorization, secrets }: Pick<ConnectState, 'authorization' | 'secrets'>) {
    this.#request = request;
    this.#dial = dial;
    this.authorization = authorization;
    this.secrets = new Secrets(secrets);
  }

  *talk(link: Link): Talk<Tunnel> {
    const tunnel = yield* httpConnect(link, this.#request, this);
    if (tunnel) return tunnel;
    throw REDIAL as Error;
  }

  /**
   * Wraps the wire to the proxy, so that an end can be emitted on it. A connection that breaks while `auth` is pending only ends,
   * because the conversation continues without it.
   */
  over(proxy: ReturnType<Wire>): ReturnType<Wire> {
    const broken = (error: unknown): Observable<Up> => (this.asking ? concat(of(END), NEVER) : throwError(() => error));
    const wire: ReturnType<Wire> = this.#request.auth ? (flow$) => flow$.pipe(proxy, catchError(broken)) : proxy;
    return (flow$) =>
      new Observable<Up>((below) => {
        this.#below = below;
        flow$.pipe(wire).subscribe(below);
      });
  }

  startBodyTimeout(): () => void {
    const timer = after(BODY_TIME, this.#dial.scheduler, () => this.#below?.next(END));
    this.#below?.add(timer);
    return () => timer.unsubscribe();
  }
}

/** Returns host and port in the form of the request line (RFC 9112 section 3.2.3). */
function authorityOf(target: Target | undefined): string {
  const { host, port } = proxyTarget(target, 'httpProxy');
  const isV6 = isIPv6(host) && !host.includes('%'); // A zone has no meaning on another machine.
  if (!isV6 && !/^[\w.~-]+$/.test(host))
    throw new TypeError("expected the target's `host` to be a name or an address that a proxy can be told, got something else");
  if (!isPort(port)) throw new TypeError(`expected the target's \`port\` to be an integer from 1 to 65535, got ${String(port)}`);
  return `${isV6 ? `[${host}]` : host}:${port}`;
}

interface Checked extends Omit<ConnectRequest, 'authority'> {
  readonly to: Target;
  readonly authorization: string | undefined;
  readonly secrets: Secrets;
}

/** Validates the options at the call. No error quotes a value. */
function checked(options: HttpProxyOptions): Checked {
  const { host, port, user, pass, headers = [], auth } = checkOptions('httpProxy', options, RULES, PROXY_REQUIRED);
  if ((user === undefined) !== (pass === undefined)) throw new TypeError('expected both `user` and `pass` of httpProxy, or none, got one');
  const fields = fieldsOf(headers);
  const own = fields.filter(([name]) => isAuthorization(name));
  if (own.length > (user === undefined ? 1 : 0))
    throw new TypeError('expected one Proxy-Authorization of httpProxy at most, in `headers` or made of `user` and `pass`, got more');
  const authorization = user === undefined ? own[0]?.[1] : basic(user, pass);
  const others = fields.filter(([name]) => !isAuthorization(name));
  return {
    to: { host, port },
    headers: others,
    authorization,
    secrets: secretsOf(authorization, others),
    auth: auth && ((challenge) => answersOf(auth(challenge))),
  };
}

/** Collects what the proxy may repeat: the credentials, and the values of the user's headers. */
function secretsOf(authorization: string | undefined, headers: ConnectRequest['headers']): Secrets {
  const secrets = new Secrets();
  if (authorization !== undefined) secrets.addAuthorization(authorization);
  for (const [name, value] of headers) if (!HOP_BY_HOP.includes(name.toLowerCase())) secrets.addHeader(value);
  return secrets;
}

function isAuthorization(name: string): boolean {
  return name.toLowerCase() === 'proxy-authorization';
}

/** Converts the answer to an Observable. An empty one emits undefined, which gives up. */
function answersOf(answer: ReturnType<ProxyAuth> | null): Observable<string | undefined> {
  if (answer === undefined || answer === null || typeof answer === 'string') return of(answer ?? undefined);
  return from(answer).pipe(defaultIfEmpty(undefined));
}
