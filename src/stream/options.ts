import { asyncScheduler, NEVER, type SchedulerLike } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import { ALL_EVENTS, type EventMask } from '../events.ts';
import { isHost } from '../util/host.ts';
import type { Fh } from '../wire/fh/fh.ts';
import { describeValue, describeWithType } from '../util/describe.ts';
import { ownOptions } from '../util/own-options.ts';
import type { Rules } from '../util/check-options.ts';
import type { Plugin, Timeouts, Wire } from '../wire/signal.ts';
import { pluginEntries, stack, type Plugins } from '../wire/stack.ts';
import { TIMEOUTS } from '../wire/timeouts.ts';
import { TCP_RULES, type TcpOptions } from '../wire/tcp.ts';
import { UNIX_PATH } from '../wire/unix-path.ts';
import { unknownOption } from '../util/unknown-option.ts';
import type { Writable } from './bytes.ts';
import type { IOStream } from './io-stream.ts';

/** Called for every wanted event, and for every error (then `mask` is 0). */
export type Callback<S = IOStream> = (io: S, mask: EventMask, error?: IOStreamError) => void;

/** An object or class with a method named `method`. */
export type CallbackTarget = object;

/** An event as a value. */
export interface StreamEvent<S = IOStream> {
  readonly io: S;
  readonly mask: EventMask;
}

/**
 * The options of {@link IOStream}. Exactly one of `fh`, `host` with `port`, `path` and `wire` is required: the endpoint. All others
 * are optional. Names that start with a capital are the user's own fields.
 */
export interface IOStreamOptions<S = IOStream> extends TcpOptions {
  /** The file descriptor, handle or Node stream to read and write. Closed with the stream. One stream per `fh`. */
  readonly fh?: Fh | undefined;
  /**
   * The host name or address to connect to. Every address of a name is tried.
   *
   * Any text that is not an address goes to the resolver. Most resolvers turn `127.1`, `0x7f.1`, `2130706433` and full-width digits
   * into 127.0.0.1. To block an address, check the resolved address in `lookup`, not this text.
   */
  readonly host?: string | undefined;
  /** The port to connect to, 1 to 65535. */
  readonly port?: number | undefined;
  /** The UNIX socket or named pipe to connect to. On Linux, a path that starts with NUL is an abstract socket. */
  readonly path?: string | undefined;
  /** Any other wire, such as one end of a `memoryPair`. */
  readonly wire?: Wire | undefined;
  /** Called for events and errors: a function, or an object or class with a method named `method`. */
  readonly cb?: Callback<S> | CallbackTarget | undefined;
  /** The name of the method of `cb`. @default 'IO' */
  readonly method?: string | undefined;
  /** Called for every event from the first on, independent of `waitFor`. */
  readonly onEvent?: ((event: StreamEvent<S>) => void) | undefined;
  /** The events reported to `cb` and `events$` (manual mode); `undefined`: all (reactive mode). */
  readonly waitFor?: EventMask | undefined;
  /** With EOF and without IN in `waitFor`: maximum bytes in `inBuf` before EINBUFLIMIT; 0 = no limit. */
  readonly inBufLimit?: number | undefined;
  /** Bytes to write as soon as the stream is connected. */
  readonly outBuf?: Writable | undefined;
  /** Write from this position of `outBuf`: the position advances and `outBuf` stays unchanged. */
  readonly outPos?: number | undefined;
  /** Writes are rejected (EOUTBUFLIMIT) while at least this many bytes are pending; 0 = no limit. @default 67108864 */
  readonly outBufLimit?: number | undefined;
  /**
   * Limits read-ahead and pending writes, in bytes.
   *
   * - Inbound: the bytes read ahead of a reader that pulls, without a reader, and after EREQINEOF or EREQINBUFLIMIT.
   * - Outbound: the pending bytes from which `write` returns false.
   *
   * @default 65536
   */
  readonly highWaterMark?: number | undefined;
  /** If false, ends our direction after the peer's EOF, once all bytes are sent. @default true with `waitFor`, else false */
  readonly allowHalfOpen?: boolean | undefined;
  /** Returns whether an error closes the stream. ECLOSED never does. @default with `waitFor` the `fatal` of its code, else true */
  readonly isFatal?: ((error: IOStreamError) => boolean) | undefined;
  /** Plugins by name; the first is nearest to the application. */
  readonly plugin?: Plugins | undefined;
  /** Milliseconds; 0 and Infinity are off. @default resolve, connect, handshake, write 30 s; establish 60 s; idle off; close 3 s */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Closes the stream when it aborts; `data$` then errors with an AbortError. */
  readonly signal?: AbortSignal | undefined;
  /** The scheduler of all timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/** The defaults that do not depend on other options. */
export const DEFAULTS: {
  readonly method: string;
  readonly outBufLimit: number;
  readonly highWaterMark: number;
  readonly scheduler: SchedulerLike;
} = {
  method: 'IO',
  outBufLimit: 64 * 1024 * 1024,
  highWaterMark: 64 * 1024,
  scheduler: asyncScheduler,
};

const USAGE = 'usage: new IOStream({ fh | host, port | path | wire, cb?, waitFor?, plugin?, … })';

/** Creates the error of a wrong argument: what was expected, and what was passed. */
export function usage(expected: string, got: string): TypeError {
  return new TypeError(`${USAGE}: expected ${expected}, got ${got}`);
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isString = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0;

/** Describes a wrong host without its text if it contains an `@`: a URL may contain a password. */
const hostInWords = (value: unknown): string =>
  typeof value === 'string' && value.includes('@') ? `a string of ${value.length} characters with an @` : describeValue(value);

/** The rule of each option. `undefined` is always allowed and means the default. */
const RULES: Rules = {
  fh: ['an fd number, a FileHandle or a stream of Node', (value) => isObject(value) || isCount(value)],
  host: ['a host name or address, not a URL and without control characters', isHost, hostInWords],
  port: ['an integer from 1 to 65535', (value) => isCount(value) && value > 0 && value <= 65535],
  path: UNIX_PATH,
  wire: ['a wire, a function of a dial', isFunction],
  cb: ['a function, an object or a class', (value) => isFunction(value) || isObject(value)],
  method: ['the name of a method', isString],
  onEvent: ['a function', isFunction],
  waitFor: ['a mask of events, such as IN | EOF', (value) => isCount(value) && value <= ALL_EVENTS],
  inBufLimit: ['a number of bytes, 0 for no limit', isCount],
  outBuf: ['a string, a Buffer or another view of bytes', (value) => typeof value === 'string' || ArrayBuffer.isView(value)],
  outPos: ['a position in outBuf, 0 or more', isCount],
  outBufLimit: ['a number of bytes, 0 for no limit', isCount],
  highWaterMark: ['a number of bytes, 1 or more', (value) => isCount(value) && value > 0],
  allowHalfOpen: ['a boolean', isBoolean],
  isFatal: ['a function', isFunction],
  plugin: ['plugins by name, { name: plugin }, or pairs [[name, plugin]]', isObject, describeWithType],
  timeouts: ['milliseconds by name, such as { connect: 5000 }', isObject],
  ...TCP_RULES,
  signal: ['an AbortSignal', (value) => isObject(value) && 'addEventListener' in (value as object)],
  scheduler: ['an RxJS scheduler', (value) => isObject(value) && 'schedule' in (value as object)],
};

/** The names of all options of a stream. */
export const OPTION_NAMES: readonly string[] = Object.keys(RULES);

/** Appended to the list of options in an error message. */
export const OWN_FIELDS = 'and your own fields, whose names start with a capital';

/**
 * Checks one option or field.
 *
 * @throws TypeError that names it.
 */
export function checkOption(name: string, value: unknown): void {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (!rule) throw unknownOption(name, 'IOStream', OPTION_NAMES, OWN_FIELDS);
  const [words, test, show = describeValue] = rule;
  if (value !== undefined && !test(value)) throw usage(`\`${name}\` to be ${words}`, show(value));
}

/** Whether a key names one of the user's own fields. */
export function isOwnField(key: string): boolean {
  const code = key.charCodeAt(0);
  return code < 128 ? code >= 65 && code <= 90 : /^\p{Lu}/u.test(key);
}

/** A writable view of a readonly object that is not shared yet. */
export type Changing<T> = { -readonly [K in keyof T]: T[K] };

const WAYS = ['fh', 'host', 'path', 'wire'] as const;

/**
 * Copies the options, including the records and lists in them, and checks the copy. Later changes by the caller have no effect.
 *
 * @returns the copy.
 * @throws TypeError that names the wrong option.
 */
export function checkOptions<T extends object>(options: T): T {
  if (!isObject(options)) throw usage('an object of options', describeValue(options));
  const given: Changing<IOStreamOptions> = ownOptions(options, 'IOStream');
  for (const [key, value] of Object.entries(given)) if (!isOwnField(key)) checkOption(key, value);
  const ways = WAYS.filter((key) => given[key] !== undefined);
  if (ways.length !== 1)
    throw usage(
      'exactly one of `fh`, `host` with `port`, `path` and `wire`',
      ways.length === 0 ? 'none' : ways.map((key) => `\`${key}\``).join(' and '),
    );
  if ((given.host === undefined) !== (given.port === undefined)) {
    throw usage('`host` and `port` together', given.host === undefined ? `\`port\` without \`host\`` : `\`host\` without \`port\``);
  }
  if (given.plugin !== undefined) given.plugin = checkPlugins(given.plugin);
  if (given.timeouts !== undefined) mergeTimeouts(TIMEOUTS, (given.timeouts = ownOptions(given.timeouts, '`timeouts`')));
  checkTarget(given.cb, given.method ?? DEFAULTS.method);
  return given as T;
}

/**
 * Copies and checks options without an endpoint (`fh`, `host`, `port`, `path`, `wire`).
 *
 * @returns the copy.
 * @throws TypeError that names the wrong option.
 */
export function checkOptionsWithoutPlace(options: object): IOStreamOptions {
  const given: Changing<IOStreamOptions> = checkOptions({ ...options, wire: NO_WIRE });
  delete given.wire;
  return given;
}

/**
 * Checks that `cb` can be called with `method`. Called when `cb` is assigned, not when `method` is: otherwise the two could not be
 * assigned one after the other.
 *
 * @throws TypeError if the method is missing.
 */
export function checkTarget(cb: Callback | CallbackTarget | undefined, method: string): void {
  if (cb === undefined || typeof (cb as Record<string, unknown>)[method] === 'function') return;
  if (typeof cb !== 'function' || isClass(cb)) throw noMethod(cb, method);
}

/** Whether a function is a class, which cannot be called. Only its source text shows it. */
function isClass(cb: object): boolean {
  return /^class(\{|\s+[^\s(])/.test(Function.prototype.toString.call(cb));
}

/** Creates the error of a `cb` without its method. */
export function noMethod(cb: Callback | CallbackTarget, method: string): TypeError {
  const got = typeof cb === 'function' ? 'a class' : 'an object';
  return usage(`\`cb\` to be a function, or an object or class with a method \`${method}\``, `${got} without it`);
}

const NO_WIRE: Wire = () => () => NEVER;

/** Copies plugins into a record, and checks them. */
function checkPlugins(plugins: Plugins): Readonly<Record<string, Plugin>> {
  const copy: [string, Plugin][] = [];
  for (const entry of pluginEntries(plugins) as readonly unknown[]) {
    const [name, plugin] = Array.isArray(entry) ? (entry as unknown[]) : [entry];
    if (typeof name !== 'string' || typeof plugin !== 'function')
      throw usage('`plugin` to hold plugins by name: functions of a wire', `${describeWithType(plugin)} for ${describeValue(name)}`);
    // JavaScript puts integer keys first, independent of their order in the record.
    if (/^(0|[1-9]\d*)$/.test(name))
      throw usage('names in `plugin` that do not look like integers, which JavaScript puts in another order', `\`${name}\``);
    if (copy.some(([other]) => other === name)) throw usage('each name in `plugin` once', `\`${name}\` twice`);
    copy.push([name, plugin as Plugin]);
  }
  stack(copy, NO_WIRE);
  return Object.freeze(Object.fromEntries(copy));
}

/**
 * Merges `wanted` into the timeouts in `present`; 0 becomes Infinity (off).
 *
 * @throws TypeError for an unknown name, or a value that is not a time.
 */
export function mergeTimeouts(present: Timeouts, wanted: Partial<Timeouts>): Timeouts {
  const merged: Record<string, number> = { ...present };
  for (const [name, ms] of Object.entries(wanted) as [string, unknown][]) {
    if (!Object.hasOwn(TIMEOUTS, name)) throw unknownOption(name, '`timeouts`', Object.keys(TIMEOUTS));
    if (ms === undefined) continue;
    if (!isTime(ms)) throw usage(`\`timeouts.${name}\` to be milliseconds, 0 or more; 0 or Infinity for never`, describeValue(ms));
    merged[name] = ms === 0 ? Infinity : ms;
  }
  return merged as unknown as Timeouts;
}
