import { NEVER } from 'rxjs';
import { ALL_EVENTS } from '../events.ts';
import { checkOption, checkOptions, type OptionSet, type Rule, type Rules } from '../util/check-options.ts';
import { describeValue, describeWithType } from '../util/describe.ts';
import { isHost } from '../util/host.ts';
import type { Mutable } from '../util/mutable.ts';
import { isBoolean, isCount, isFunction, isObject, isPort, isText } from '../util/value-tests.ts';
import type { Wire } from '../wire/signal.ts';
import { TCP_RULES } from '../wire/tcp-options.ts';
import { UNIX_PATH } from '../wire/unix-path.ts';
import { checkCallback } from './check-callback.ts';
import { checkPlugins } from './check-plugins.ts';
import type { StreamOptions } from './options.ts';
import { checkTimeouts } from './merge-timeouts.ts';
import { DEFAULTS } from './options.ts';
import { OWN_FIELDS } from './own-fields.ts';
import { usage, USAGE } from './usage.ts';

const BYTES: Rule = ['a number of bytes, 0 for no limit', isCount];

/** The rule of each option of a stream. */
export const STREAM_RULES: Rules = {
  fh: ['an fd number, a FileHandle or a stream of Node', (value) => isObject(value) || isCount(value)],
  host: ['a host name or address, not a URL and without control characters', isHost, describeHost],
  port: ['an integer from 1 to 65535', isPort],
  path: UNIX_PATH,
  wire: ['a wire, a function of a dial', isFunction],
  cb: ['a function, an object or a class', (value) => isFunction(value) || isObject(value)],
  method: ['the name of a method', isText],
  onEvent: ['a function', isFunction],
  waitFor: ['a mask of events, such as IN | EOF', (value) => isCount(value) && value <= ALL_EVENTS],
  inBufLimit: BYTES,
  outBuf: ['a string, a Buffer or another view of bytes', (value) => typeof value === 'string' || ArrayBuffer.isView(value)],
  outPos: ['a position in outBuf, 0 or more', isCount],
  outBufLimit: BYTES,
  highWaterMark: ['a number of bytes, 1 or more', (value) => isCount(value) && value > 0],
  allowHalfOpen: ['a boolean', isBoolean],
  isFatal: ['a function', isFunction],
  guard: ['a function that returns true or a reason, such as publicOnly()', isFunction],
  plugin: ['plugins by name, { name: plugin }, or pairs [[name, plugin]]', isObject, describeWithType],
  timeouts: ['milliseconds by name, such as { connect: 5000 }', isObject],
  ...TCP_RULES,
  signal: ['an AbortSignal', (value) => isObject(value) && 'addEventListener' in value],
  scheduler: ['an RxJS scheduler', (value) => isObject(value) && 'schedule' in value],
};

const STREAM_OPTIONS: OptionSet = { caller: 'IOStream', usage: USAGE, rules: STREAM_RULES, show: describeValue, others: OWN_FIELDS };

/** Describes a wrong host without its text if it contains an `@`: a URL may contain a password. */
function describeHost(value: unknown): string {
  return typeof value === 'string' && value.includes('@') ? `a string of ${value.length} characters with an @` : describeValue(value);
}

/**
 * Checks one option or field.
 *
 * @throws TypeError that names it.
 */
export function checkStreamOption(name: string, value: unknown): void {
  checkOption(name, value, STREAM_OPTIONS);
}

/**
 * Copies the options, including the records and lists in them, and checks the copy. Later changes by the caller have no effect.
 *
 * @returns the copy.
 * @throws TypeError that names the wrong option.
 */
export function checkStreamOptions<T extends object>(options: T): T {
  const copy: Mutable<StreamOptions<never>> = checkOptions(options, STREAM_OPTIONS);
  checkEndpoint(copy);
  if (copy.plugin !== undefined) copy.plugin = checkPlugins(copy.plugin, NO_WIRE);
  if (copy.timeouts !== undefined) copy.timeouts = checkTimeouts(copy.timeouts);
  checkCallback(copy.cb, copy.method ?? DEFAULTS.method);
  return copy as T;
}

/**
 * Copies and checks options without an endpoint (`fh`, `host`, `port`, `path`, `wire`).
 *
 * @returns the copy.
 * @throws TypeError that names the wrong option.
 */
export function checkOptionsWithoutEndpoint(options: object): StreamOptions<never> {
  const copy: Mutable<StreamOptions<never>> = checkStreamOptions({ ...options, wire: NO_WIRE });
  delete copy.wire;
  return copy;
}

const NO_WIRE: Wire = () => () => NEVER;

const ENDPOINTS = ['fh', 'host', 'path', 'wire'] as const;

function checkEndpoint(options: StreamOptions<never>): void {
  const present = ENDPOINTS.filter((name) => options[name] !== undefined);
  if (present.length !== 1) {
    const got = present.length === 0 ? 'none' : present.map((name) => `\`${name}\``).join(' and ');
    throw usage('exactly one of `fh`, `host` with `port`, `path` and `wire`', got);
  }
  if (options.guard !== undefined && present[0] !== 'host' && present[0] !== 'path' && options.wire !== NO_WIRE)
    throw usage('`guard` with `host` or `path`, because nothing else is dialled', `\`guard\` with \`${present[0]}\``);
  if ((options.host === undefined) !== (options.port === undefined))
    throw usage('`host` and `port` together', options.host === undefined ? '`port` without `host`' : '`host` without `port`');
}
