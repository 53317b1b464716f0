import { isObservable, type Observable } from 'rxjs';
import { isHost } from '../util/host.ts';
import type { Rules } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isCount, isFunction, isObject, isPort } from '../util/value-tests.ts';
import type { Fh } from '../wire/fh/fh.ts';
import type { Guard } from '../wire/guard.ts';
import type { Wire } from '../wire/signal.ts';
import { TCP_RULES, type TcpOptions } from '../wire/tcp-options.ts';
import { UNIX_PATH } from '../wire/unix-path.ts';

/** The options of a stream that name what to connect to. */
export interface EndpointOptions extends TcpOptions {
  /**
   * The file descriptor, handle or Node stream to read and write. Closed with the stream. One stream per `fh`. @default none: one of `fh`,
   * `host` with `port`, `path` and `wire` is required
   */
  readonly fh?: Fh | undefined;
  /**
   * The host name or address to connect to. Every address of a name is tried. With `wire`, the target of the wire and its plugins.
   *
   * Any text that is not an address goes to the resolver. Most resolvers turn `127.1`, `0x7f.1`, `2130706433` and full-width digits
   * into 127.0.0.1. To block an address, use `guard`, which judges the resolved address, not this text.
   *
   * @default none; see `fh`
   */
  readonly host?: string | undefined;
  /** The port to connect to, 1 to 65535. @default none; required with `host` */
  readonly port?: number | undefined;
  /** The UNIX socket or named pipe to connect to. On Linux, a path that starts with NUL is an abstract socket. @default none; see `fh` */
  readonly path?: string | undefined;
  /**
   * Any other wire, such as one end of a `memoryPair`. Dials `host` and `port`, if they are there: a proxy plugin requires them, and
   * passes the address of the proxy to the wire.
   *
   * @default none; see `fh`
   */
  readonly wire?: Wire | undefined;
  /**
   * Called for each address before its attempt to connect. Returns true, or the reason against it, which EBLOCKED contains. A name has
   * a chance with each of its addresses.
   *
   * - With a proxy, judges the target, not the proxy, which you have chosen. If the proxy resolves the name, the name is all there is.
   * - Called with the path for `path`. Not allowed with `fh` and `wire`.
   * - A guard that throws blocks.
   * - An Observable of guards is subscribed for each candidate. The last guard that it emits at once counts, as of a `BehaviorSubject` or
   *   `shareReplay(1)`. Without one, all is blocked.
   *
   * @default all are allowed
   */
  readonly guard?: Guard | Observable<Guard> | undefined;
}

/** The endpoint among the options of a stream, under the same names on every platform. */
export type Endpoint = Pick<EndpointOptions, 'fh' | 'host' | 'port' | 'path' | 'wire' | 'guard'>;

export type { Fh };

/** Start of each message about a wrong argument of a stream. */
export const USAGE = 'usage: new IOStream({ fh | host, port | path | wire, cb?, waitFor?, plugin?, … })';

/** The rule of each option of an endpoint. */
export const ENDPOINT_RULES: Rules = {
  fh: ['an fd number, a FileHandle or a stream of Node', (value) => isObject(value) || isCount(value)],
  host: ['a host name or address, not a URL and without control characters', isHost, describeHost],
  port: ['an integer from 1 to 65535', isPort],
  path: UNIX_PATH,
  wire: ['a wire, a function of a dial', isFunction],
  guard: ['a function that returns true or a reason, such as publicOnly(), or an Observable of them', isGuard],
  ...TCP_RULES,
};

function isGuard(value: unknown): boolean {
  return isFunction(value) || isObservable(value);
}

/** Describes a wrong host without its text if it contains an `@`: a URL may contain a password. */
function describeHost(value: unknown): string {
  return typeof value === 'string' && value.includes('@') ? `a string of ${value.length} characters with an @` : describeValue(value);
}

const ENDPOINTS = ['fh', 'host', 'path', 'wire'] as const;

/** Returns what is expected of an endpoint, and what it is instead. `undefined`: nothing is wrong. */
export function endpointProblem(options: Endpoint): readonly [expected: string, got: string] | undefined {
  const present = ENDPOINTS.filter((name) => options[name] !== undefined);
  const isTargetOfWire = present.length === 2 && present[0] === 'host' && present[1] === 'wire';
  if (present.length !== 1 && !isTargetOfWire) {
    const got = present.length === 0 ? 'none' : present.map((name) => `\`${name}\``).join(' and ');
    return ['exactly one of `fh`, `host` with `port`, `path` and `wire`', got];
  }
  const undialled = present.find((name) => name === 'fh' || name === 'wire');
  if (options.guard !== undefined && undialled !== undefined)
    return ['`guard` with `host` or `path`, because nothing else is dialled', `\`guard\` with \`${undialled}\``];
  if ((options.host === undefined) !== (options.port === undefined))
    return ['`host` and `port` together', options.host === undefined ? '`port` without `host`' : '`host` without `port`'];
  return undefined;
}
