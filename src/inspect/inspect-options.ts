import { parseIp } from '../protocol/ip-address.ts';
import { checkOptions, type OptionSet } from '../util/check-options.ts';
import { describeValue, describeWithType } from '../util/describe.ts';
import { isBoolean, isCount, isPortOrZero, isText } from '../util/value-tests.ts';

/** The options of {@link inspect}. */
export interface InspectOptions {
  /** The port of the page. @default 0: a free one, which `url` contains */
  readonly port?: number | undefined;
  /** The address to listen on. One that is not loopback needs `allowHosts`. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /**
   * Names and addresses by which browsers reach the page, besides those of loopback: `['build-7.lan']`. Requests to other names are
   * refused. @default none
   */
  readonly allowHosts?: readonly string[] | undefined;
  /** The secret in `url`: at least 16 characters of `A-Z`, `a-z`, `0-9`, `-` and `_`. @default 32 random ones for each subscription */
  readonly token?: string | undefined;
  /** Maximum number of connections kept. The oldest closed one makes room; without one, a new connection is not shown. @default 200 */
  readonly maxConnections?: number | undefined;
  /** Milliseconds between two samples, from 50 to 60,000. The charts show the last 120. @default 1000 */
  readonly interval?: number | undefined;
  /** Maximum bytes of memory of a recording, as in `record`. At most 8 are kept. @default 1 MiB */
  readonly recordLimit?: number | undefined;
  /**
   * Whether recordings also show the signals below the plugins, at the socket, for connections that are opened from then on. Each signal of
   * all connections then costs a little, recorded or not. @default false: connections with plugins are recorded at the stream only
   */
  readonly recordWires?: boolean | undefined;
}

/** The checked options. Without a token, each subscription makes its own. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  readonly allowHosts: readonly string[];
  readonly token: string | undefined;
  readonly maxConnections: number;
  readonly interval: number;
  readonly recordLimit: number;
  readonly recordWires: boolean;
}

const DEFAULTS = { port: 0, host: '127.0.0.1', maxConnections: 200, interval: 1000, recordLimit: 2 ** 20 };

const TOKEN = /^[\w-]{16,}$/;

/** Whether a text may be the host of a URL. With a port or a scheme, no request would match it. */
const isHost = (value: unknown): boolean => isText(value) && (parseIp(value) !== undefined || /^[^\s:/]+$/.test(value));

const OPTIONS: OptionSet = {
  caller: 'inspect',
  show: describeValue,
  rules: {
    port: ['an integer from 0 to 65535', isPortOrZero],
    host: ['an address to listen on', isText],
    allowHosts: ['a list of names and addresses, without ports', (value) => Array.isArray(value) && value.every(isHost)],
    token: ['at least 16 characters of A-Z, a-z, 0-9, - and _', (value) => isText(value) && TOKEN.test(value), describeWithType],
    maxConnections: ['a number of connections, 1 or more', (value) => isCount(value) && value > 0],
    interval: ['a number of milliseconds from 50 to 60000', (value) => typeof value === 'number' && value >= 50 && value <= 60_000],
    recordLimit: ['a number of bytes', isCount],
    recordWires: ['a boolean', isBoolean],
  },
};

/**
 * Copies the options of `inspect` and checks the copy.
 *
 * @throws TypeError that names the wrong option.
 */
export function checkInspectOptions(options: InspectOptions): Settings {
  const { port, host, allowHosts = [], token, maxConnections, interval, recordLimit, recordWires = false } = checkOptions(options, OPTIONS);
  const settings = {
    port: port ?? DEFAULTS.port,
    host: host ?? DEFAULTS.host,
    allowHosts: [...allowHosts],
    token,
    maxConnections: maxConnections ?? DEFAULTS.maxConnections,
    interval: interval ?? DEFAULTS.interval,
    recordLimit: recordLimit ?? DEFAULTS.recordLimit,
    recordWires,
  };
  if (!isLoopback(settings.host) && allowHosts.length === 0)
    throw new TypeError(
      `expected \`host\` of inspect to be a loopback address, got ${describeValue(host)}; to show the page to other machines, list the names by which they reach it in \`allowHosts\``,
    );
  return settings;
}

/** Whether a name or address means this machine only: `localhost`, 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  const ip = parseIp(host);
  return ip !== undefined && (ip.length === 4 ? ip[0] === 127 : ip.every((byte, at) => byte === (at === 15 ? 1 : 0)));
}
