import { defaultIfEmpty, from, of, type Observable, type ObservableInput } from 'rxjs';
import type { ConnectRequest, ProxyChallenge } from '../../protocol/connect-request.ts';
import { basic, fieldsOf, type HeadersInput } from '../../protocol/http-fields.ts';
import { Secrets } from '../../protocol/secrets.ts';
import { checkOptions, type Rule, type Rules } from '../../util/check-options.ts';
import { isFunction, isObject } from '../../util/value-tests.ts';
import type { Target } from '../../wire/signal.ts';
import type { Lookup } from '../../wire/resolve.ts';
import { PROXY_REQUIRED, PROXY_RULES } from './proxy-options.ts';

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
  /** The user for Basic authentication (RFC 7617), without colon. Sent in UTF-8 with the first request. Requires `pass`. @default none */
  readonly user?: string | undefined;
  /** The password of `user`. @default none */
  readonly pass?: string | undefined;
  /**
   * Additional headers of the request, by name or as pairs. Not allowed: Host, which is that of the target, and Content-Length and
   * Transfer-Encoding, because the request has no body. Proxy-Authorization is allowed only without `user`.
   *
   * @default none
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
   *
   * @default none: a 407 is EPROXYAUTH
   */
  readonly auth?: ProxyAuth | undefined;
  /** Where the target's name is resolved. `'local'` resolves it here and sends the first address. @default 'proxy' */
  readonly resolve?: 'proxy' | 'local' | undefined;
  /** Called instead of `dns.lookup` with `resolve: 'local'`. @default dns.lookup */
  readonly lookup?: Lookup | undefined;
}

const CREDENTIAL: Rule = ['a string', (value) => typeof value === 'string'];
// Not with a spread, which a bundler keeps where HTTP proxies are not used: it may call a getter.
const RULES: Rules = /* @__PURE__ */ Object.assign({}, PROXY_RULES, {
  user: CREDENTIAL,
  pass: CREDENTIAL,
  headers: ['a record or pairs', isObject],
  auth: ['a function', isFunction],
} satisfies Rules);

/** Headers whose values belong to HTTP and are not secrets of the user. */
const HOP_BY_HOP: readonly string[] = ['connection', 'proxy-connection', 'keep-alive'];

/** The options of an HTTP proxy after validation. */
export interface CheckedOptions extends Omit<ConnectRequest, 'authority'> {
  readonly to: Target;
  readonly authorization: string | undefined;
  readonly secrets: Secrets;
  readonly resolve: 'proxy' | 'local';
  readonly lookup: Lookup | undefined;
}

/** Validates the options at the call. No error quotes a value. */
export function checkedOptions(options: HttpProxyOptions): CheckedOptions {
  const {
    host,
    port,
    user,
    pass,
    headers = [],
    auth,
    resolve = 'proxy',
    lookup,
  } = checkOptions(options, { caller: 'httpProxy', rules: RULES, required: PROXY_REQUIRED });
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
    resolve,
    lookup,
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
