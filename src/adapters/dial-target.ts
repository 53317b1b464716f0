import type { LookupFunction } from 'node:net';
import { describeValue } from '../util/describe.ts';
import { ownOptions } from '../util/own-options.ts';
import { isPort } from '../util/value-tests.ts';
import type { ConnectionRequest } from './agent-request.ts';

/**
 * Where and how a {@link Dialer} connects: options of `net.connect`, with the same meanings. They override those of the dialer. Other
 * names are ignored, because libraries pass options of their own.
 */
export interface DialTarget {
  /** The host name or address. @default 'localhost' */
  readonly host?: string | null | undefined;
  /** The port, 1 to 65535, as a number or in decimal digits. @default none: one of `port` and `path` is required */
  readonly port?: number | string | null | undefined;
  /** The UNIX socket or named pipe, instead of `host` and `port`. @default none */
  readonly path?: string | null | undefined;
  /** 4 or 6 (also `'IPv4'`, `'IPv6'`) selects addresses of this family only. @default that of the dialer */
  readonly family?: number | string | undefined;
  /** Flags of `dns.lookup`. @default 0 */
  readonly hints?: number | undefined;
  /** Called instead of `dns.lookup`. @default that of the dialer */
  readonly lookup?: LookupFunction | undefined;
  /** False tries the first address of a name only. @default true */
  readonly autoSelectFamily?: boolean | undefined;
  /** The address to connect from. @default that of the dialer */
  readonly localAddress?: string | undefined;
  /** The port to connect from. @default 0, any free one */
  readonly localPort?: number | undefined;
  /** Whether to send small packets at once. @default that of the dialer */
  readonly noDelay?: boolean | undefined;
  /** Whether the kernel probes an idle peer. @default false */
  readonly keepAlive?: boolean | undefined;
  /** Milliseconds until the first probe. @default 0, that of the system */
  readonly keepAliveInitialDelay?: number | undefined;
  /** Milliseconds without a byte until `'timeout'` is emitted; not for a door. @default 0, never */
  readonly timeout?: number | undefined;
  /** Destroys the socket when it aborts; not for a door. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** The arguments of `net.connect`, in each of its forms. */
export type DialArguments =
  | readonly [target: DialTarget, callback?: (() => void) | undefined]
  | readonly [port: number | string, host?: string | undefined, callback?: (() => void) | undefined]
  | readonly [portOrPath: number | string, callback: () => void];

/**
 * Reads arguments as `net.connect` does: `(target)`, `(port, host)`, `(path)`, each with a callback as the last one.
 *
 * @throws TypeError without a port or path, and for an invalid port.
 */
export function readDialArguments(args: readonly unknown[]): { readonly request: ConnectionRequest; readonly callback?: () => void } {
  const [first, second] = args;
  const last = args.at(-1);
  const target =
    typeof first === 'object'
      ? first
      : isPath(first)
        ? { path: first }
        : { port: first, host: typeof second === 'string' ? second : undefined };
  const request = requestOf(target as DialTarget);
  return typeof last === 'function' ? { request, callback: last as () => void } : { request };
}

/**
 * Converts a target to a request of an agent.
 *
 * @throws TypeError without a port or path, and for an invalid port.
 */
export function requestOf(target: DialTarget): ConnectionRequest {
  const { host, port, path, ...options } = ownOptions(target, 'a target of a dialer');
  const endpoint = typeof path === 'string' && path !== '' ? { socketPath: path } : { host: host ?? undefined, port: portOf(port) };
  return ownOptions({ ...options, ...endpoint }, 'a target of a dialer');
}

/** As in Node, text that is not a number is a path. */
function isPath(value: unknown): value is string {
  return typeof value === 'string' && !isDigits(value);
}

function isDigits(value: unknown): value is string {
  return typeof value === 'string' && /^\d+$/.test(value);
}

function portOf(value: unknown): number {
  const port = isDigits(value) ? Number(value) : value;
  if (isPort(port)) return port;
  throw new TypeError(
    `expected \`port\` of a dialer's target to be an integer from 1 to 65535, or a \`path\`, got ${describeValue(value)}`,
  );
}
