import { isHost } from '../util/host.ts';
import type { Rules } from '../util/check-options.ts';
import { isFunction, isPort } from '../util/value-tests.ts';
import type { Wire } from '../wire/signal.ts';

/** The options of a stream that name what to connect to. */
export interface EndpointOptions {
  /** The wire below the plugins, such as one end of a `memoryPair` or a wire of your own. Dials `host` and `port`, if they are there. */
  readonly wire: Wire;
  /**
   * The host name or address of the target. A proxy plugin requires it, and passes the address of the proxy to the wire.
   *
   * @default none: the wire knows where to connect to
   */
  readonly host?: string | undefined;
  /** The port of the target, 1 to 65535. @default none; required with `host` */
  readonly port?: number | undefined;
}

/** The endpoint among the options of a stream, under the same names on every platform. */
export interface Endpoint extends Partial<EndpointOptions> {
  readonly fh?: undefined;
  readonly path?: undefined;
  readonly guard?: undefined;
}

/** The handle of a stream: what its wire reports as `handle`, such as a WebSocket. */
export type Fh = object;

/** Start of each message about a wrong argument of a stream. */
export const USAGE = 'usage: new IOStream({ wire, cb?, waitFor?, plugin?, … })';

/** The rule of each option of an endpoint. */
export const ENDPOINT_RULES: Rules = {
  host: ['a host name or address, not a URL and without control characters', isHost],
  port: ['an integer from 1 to 65535', isPort],
  wire: ['a wire, a function of a dial', isFunction],
};

/** Returns what is expected of an endpoint, and what it is instead. `undefined`: nothing is wrong. */
export function endpointProblem({ wire, host, port }: Endpoint): readonly [expected: string, got: string] | undefined {
  if (wire === undefined) return ['`wire`', 'none'];
  if ((host === undefined) === (port === undefined)) return undefined;
  return ['`host` and `port` together', host === undefined ? '`port` without `host`' : '`host` without `port`'];
}
