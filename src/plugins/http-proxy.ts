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
import { EPROXY, EPROXYAUTH, IOStreamError } from '../errors.ts';
import { httpConnect, type ConnectRequest, type ConnectState, type ProxyChallenge, type Tunnel } from '../protocol/http-connect.ts';
import { basic, fieldsOf, type HeadersInput } from '../protocol/http-fields.ts';
import type { Link, Talk } from '../protocol/link.ts';
import { Secrets } from '../protocol/secrets.ts';
import { inlet, type Guarded } from '../wire/operate.ts';
import { isPort, PROXY_REQUIRED, PROXY_RULES } from '../wire/proxy-options.ts';
import { proxyTarget } from '../wire/proxy-target.ts';
import { isUrl, readProxyUrl, type ProxyUrlRules } from '../wire/proxy-url.ts';
import { checkByRules, type Rule, type Rules } from '../wire/rules.ts';
import { END, RESUME, type Dial, type Flow, type Plugin, type Target, type Up, type Wire } from '../wire/signal.ts';
import { after } from '../wire/timer.ts';
import { handshake } from './handshake.ts';

/** Gives the value of Proxy-Authorization for a challenge; nothing, or an empty string, gives up. */
export type ProxyAuth = (challenge: ProxyChallenge) => ObservableInput<string | undefined> | string | undefined;

/** Which proxy, and how it is asked. */
export interface HttpProxyOptions {
  /** The proxy's name or address; one of IPv6 may stand in brackets. */
  readonly host: string;
  /** The proxy's port, 1 to 65535. */
  readonly port: number;
  /** For Basic authentication (RFC 7617), sent in UTF-8 with the first request; without colon. Both `user` and `pass`, or none. */
  readonly user?: string | undefined;
  /** The password of `user`. */
  readonly pass?: string | undefined;
  /**
   * More headers of the request, by name or as pairs. Not Host, which is the target's, nor Content-Length or Transfer-Encoding:
   * the request has no body. Proxy-Authorization only without `user`.
   */
  readonly headers?: HeadersInput | undefined;
  /**
   * Asked when the proxy answers 407, also after `user` and `pass` were refused; at most 5 times a connection. Its first value
   * is the Proxy-Authorization of the next request.
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

/** Headers whose values belong to HTTP: no secret of the user. */
const HOP_BY_HOP: readonly string[] = ['connection', 'proxy-connection', 'keep-alive'];

/** How long, in milliseconds, the body of a refusal is waited for: the refusal itself is known already. */
const BODY_TIME = 500;

/**
 * Reaches the target through an HTTP proxy, by CONNECT (RFC 9110 section 9.3.6).
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
 * Any 2xx opens the tunnel, HTTP/1.0 or 1.1; interim replies (1xx, at most 16) are skipped. Nothing of the application reaches the
 * proxy before that, and what comes right behind the reply reaches the application. A reply's head may have 16 KiB. A folded header
 * is one header. Any other line that is not `name: value` (without colon, with space before it) or has a control character is
 * malformed. A reply is refused at its first byte that cannot be right. An IPv6 target is sent in brackets, a name that is not ASCII in
 * its ASCII form; the proxy resolves it.
 *
 * With `auth` each 407 asks it for credentials. If the proxy keeps the connection, the next request goes over it when the body of the
 * 407 has come, however late, so that schemes of several steps such as NTLM work: HTTP/1.1 without `close`, HTTP/1.0 with
 * `keep-alive`, and a body with a length or chunks of 64 KiB at most. Else, and when it breaks meanwhile, it goes over a new
 * connection, within the same `timeouts.establish`; the message of EPROXYAUTH states when that was so for each challenge. A connection that may
 * have to be made again costs a few calls for each signal, also when the tunnel is open.
 *
 * Proxies are chained by stacking: `{ b: httpProxy(second), a: httpProxy(first) }` dials `first`, asks it for `second` and that
 * for the target; the first in the list is the last in the chain. For TLS to the proxy, lay it on `tlsClient`, which then checks
 * the proxy's name: `{ proxy: httpProxy(…), tls: tlsClient() }`.
 *
 * On error, all in phase `handshake`: EPROXY (refused; `status`, `reply`, `headers` and the first KiB of the `body`, for which
 * half a second is waited at most: what came of it, with the `cause`, when the connection breaks meanwhile; or closed before its
 * reply was whole), EPROXYAUTH (407: the same with the `challenges` read; or `auth` failed), EPROTOCOL (malformed or too long),
 * ETOHANDSHAKE; the system's own code when the connection breaks before the proxy has said no.
 * None of them, and no detail, contains what the proxy repeats of the credentials or of the values of `headers` (of 4 characters and
 * more), not even escaped, in hex or in Base64: `***` stands in its place. On unsubscribe all is freed at once. Lossless.
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
 * @param proxy which proxy, and how it is asked; read once. A URL, as a text or an object, is `http://user:password@host:port`, with
 *   user and password percent-encoded or left out, port 80 by default.
 * @throws TypeError for wrong options, at the call, and without any part of the credentials; for a target that is none for a proxy (none at all, a path, a host with
 *   characters that no name has), when it is dialled.
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

/** Thrown by a talk that cannot go on over this connection. It has a layer, so that nobody gives it one: it is one for all. */
const DIAL_AGAIN = Object.freeze(new IOStreamError(EPROXYAUTH, { phase: 'handshake', layer: 'httpProxy' }));

/** With `auth`: the flow for one connection after the other. */
class Redial implements Guarded<Flow> {
  readonly #up: Subscriber<Up>;
  readonly #fromAbove: Subscriber<Flow> = inlet<Flow>(this);
  /** The connection of now. */
  #down: Subscriber<Flow> | undefined;
  /** The last pause or resume, which is all that may have passed before another connection. */
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
    this.#up.error(reason); // The connection may be gone.
  }

  complete(): void {
    if (this.#down?.closed) this.#up.complete();
    else this.#down?.complete();
  }

  #again(error: unknown): Observable<unknown> {
    if (error !== DIAL_AGAIN) return throwError(() => error);
    this.#up.next(RESUME); // The connection that is gone may have said pause.
    return of(true);
  }
}

/** What one subscription of the plugin says, over one connection or, with `auth`, several. */
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
    throw DIAL_AGAIN as Error;
  }

  /** The wire to the proxy, whose end can be made to come. One that breaks while `auth` is asked has only ended: the talk outlives it. */
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

/** Host and port as the request line wants them (RFC 9112 section 3.2.3). */
function authorityOf(target: Target | undefined): string {
  const { host, port } = proxyTarget(target, 'httpProxy');
  const isV6 = isIPv6(host) && !host.includes('%'); // A zone means nothing to another machine.
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

/** Options must be right at the call; no value is told. */
function checked(options: HttpProxyOptions): Checked {
  const { host, port, user, pass, headers = [], auth } = checkByRules('httpProxy', options, RULES, PROXY_REQUIRED);
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

/** What the proxy may repeat: the credentials, and the values of the user's headers. */
function secretsOf(authorization: string | undefined, headers: ConnectRequest['headers']): Secrets {
  const secrets = new Secrets();
  if (authorization !== undefined) secrets.addAuthorization(authorization);
  for (const [name, value] of headers) if (!HOP_BY_HOP.includes(name.toLowerCase())) secrets.addHeader(value);
  return secrets;
}

function isAuthorization(name: string): boolean {
  return name.toLowerCase() === 'proxy-authorization';
}

/** Always something to subscribe to; one that gives nothing gives up. */
function answersOf(answer: ReturnType<ProxyAuth> | null): Observable<string | undefined> {
  if (answer === undefined || answer === null || typeof answer === 'string') return of(answer ?? undefined);
  return from(answer).pipe(defaultIfEmpty(undefined));
}
