import { ACCEPTED_DEFAULTS } from '../stream/accepted-defaults.ts';
import { checkOptionsWithoutEndpoint } from '../stream/check-stream-options.ts';
import type { IOStreamOptions, StreamOf } from '../stream/io-stream.ts';
import type { OptionsOf } from '../stream/stream-of.ts';
import { INITIAL_WINDOW, MAX_UINT32 } from '../protocol/yamux.ts';
import { checkOptions, type OptionSet } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isCount, isObject, isTime } from '../util/value-tests.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import type { SessionOptions } from './mux-session.ts';

/** When the peer of a {@link mux} counts as dead. */
export interface MuxKeepAlive {
  /** Milliseconds without a byte of the peer after which a ping is sent. @default 30000 */
  readonly interval?: number | undefined;
  /** Milliseconds that the peer has for each of two pings. @default 10000 */
  readonly timeout?: number | undefined;
}

/** The options of the streams that a {@link mux} accepts: those of `IOStream`, except for its endpoint. */
export interface MuxStreamOptions<S> extends Omit<
  IOStreamOptions<S>,
  'fh' | 'host' | 'port' | 'path' | 'wire' | 'guard' | 'signal' | keyof TcpOptions
> {
  /**
   * If false, ends our direction after the peer's end, once all accepted bytes are sent and nothing reads or sends.
   *
   * @default false, as in `listen`
   */
  readonly allowHalfOpen?: boolean | undefined;
  /** Maximum bytes of pending writes, as for `IOStream`; 0 = no limit. @default 1048576, as in `listen` */
  readonly outBufLimit?: number | undefined;
}

/** The options of {@link mux}. */
export interface MuxOptions<O extends object = object> {
  /** One end is the client, the other one the server: usually the ends that dialled and accepted the connection. Both open streams. */
  readonly role: 'client' | 'server';
  /** Bytes that the peer may send on a stream ahead of its reader, from 262144, which the protocol grants to each stream. @default 262144 */
  readonly window?: number | undefined;
  /** Maximum number of open streams: of those that the peer has opened, and of those that you have dialled. @default 1024 */
  readonly maxStreams?: number | undefined;
  /** Maximum unread bytes of all streams together. Over it, the stream that holds the most is reset. @default 67108864 */
  readonly budget?: number | undefined;
  /** Pings a silent peer; false: never. @default every 30 s, with a timeout of 10 s */
  readonly keepAlive?: MuxKeepAlive | false | undefined;
  /** The options of accepted streams: plugins, timeouts, limits, own fields. @default those of `listen` */
  readonly streams?: OptionsOf<O, MuxStreamOptions<StreamOf<O>>> | undefined;
}

const DEFAULTS = { window: INITIAL_WINDOW, maxStreams: 1024, budget: 64 * 1024 * 1024 };
const KEEP_ALIVE = { interval: 30_000, timeout: 10_000 };

const KEEP_ALIVE_OPTIONS: OptionSet = {
  caller: 'mux',
  rules: { interval: ['milliseconds, more than 0', isPositive], timeout: ['milliseconds, more than 0', isPositive] },
  prefix: 'keepAlive.',
  show: describeValue,
};

/** Made at the call: a bundler keeps a table with computed text, even if nothing uses it. */
const muxOptions = (): OptionSet => ({
  caller: 'mux',
  usage: "usage: mux(io, { role: 'client' | 'server', … }, handler?)",
  rules: {
    role: ["'client' or 'server'", (value) => value === 'client' || value === 'server'],
    window: [`a number of bytes from ${INITIAL_WINDOW} to ${MAX_UINT32}`, isWindow],
    maxStreams: ['a number of streams, 1 or more', (value) => isCount(value) && value > 0],
    budget: [`a number of bytes, ${INITIAL_WINDOW} or more`, (value) => isCount(value) && value >= INITIAL_WINDOW],
    keepAlive: ['false or { interval, timeout }', (value) => value === false || isObject(value)],
    streams: ['the options of accepted streams', isObject],
  },
  required: ['role'],
  show: describeValue,
});

/** Options that a stream of a mux cannot have: it has no socket, and dials nothing. */
const NOT_OF_STREAMS = ['fh', 'host', 'port', 'path', 'wire', 'guard', 'signal', 'lookup', 'family', 'localAddress', 'localPort'];

/**
 * Copies the options of `mux` and checks the copy.
 *
 * @returns the options of the session, and those of accepted streams.
 * @throws TypeError that names the wrong option.
 */
export function checkMuxOptions(options: MuxOptions): { readonly session: SessionOptions; readonly streams: IOStreamOptions } {
  const {
    role,
    window = DEFAULTS.window,
    maxStreams = DEFAULTS.maxStreams,
    budget = DEFAULTS.budget,
    ...own
  } = checkOptions(options, muxOptions());
  const { keepAlive = KEEP_ALIVE, streams = {} } = own;
  const times = keepAlive === false ? undefined : withDefaults(checkOptions(keepAlive, KEEP_ALIVE_OPTIONS));
  const wrong = NOT_OF_STREAMS.find((name) => (streams as Readonly<Record<string, unknown>>)[name] !== undefined);
  if (wrong !== undefined) throw new TypeError(`expected \`streams\` of mux to have no endpoint, got \`${wrong}\``);
  return {
    session: { role, window, maxStreams, budget, keepAlive: times },
    streams: checkOptionsWithoutEndpoint({ ...ACCEPTED_DEFAULTS, ...streams }) as IOStreamOptions,
  };
}

function withDefaults({ interval = KEEP_ALIVE.interval, timeout = KEEP_ALIVE.timeout }: MuxKeepAlive): typeof KEEP_ALIVE {
  return { interval, timeout };
}

function isPositive(value: unknown): boolean {
  return isTime(value) && value > 0;
}

function isWindow(value: unknown): boolean {
  return isCount(value) && value >= INITIAL_WINDOW && value <= MAX_UINT32;
}
