import type { Rules } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isBoolean, isFunction, isPortOrZero, isText } from '../util/value-tests.ts';
import type { ResolveOptions } from './resolve.ts';

/** Options of TCP connections, as in `node:net`. */
export interface TcpOptions extends ResolveOptions {
  /** The address to connect from. @default chosen by the system */
  readonly localAddress?: string | undefined;
  /** The port to connect from. 0 selects any free port. @default 0 */
  readonly localPort?: number | undefined;
  /** Whether to send small packets at once. @default true */
  readonly noDelay?: boolean | undefined;
  /** Whether the kernel probes an idle peer. @default false */
  readonly keepAlive?: boolean | undefined;
}

/** Rules for the options of {@link tcp}. */
export const TCP_RULES: Rules = {
  lookup: ['a function like dns.lookup', isFunction],
  family: ['0, 4 or 6', (value) => value === 0 || value === 4 || value === 6, describeValue],
  localPort: ['an integer from 0 to 65535', isPortOrZero, describeValue],
  localAddress: ['an address', isText, describeValue],
  noDelay: ['a boolean', isBoolean, describeValue],
  keepAlive: ['a boolean', isBoolean, describeValue],
};
