import { Observable } from 'rxjs';
import { ALL_EVENTS } from '../events.ts';
import { checkOption, checkOptions, type OptionSet, type Rule, type Rules } from '../util/check-options.ts';
import { describeValue, describeWithType } from '../util/describe.ts';
import type { Mutable } from '../util/mutable.ts';
import { isBoolean, isCount, isFunction, isObject, isText } from '../util/value-tests.ts';
import type { Wire } from '../wire/signal.ts';
import { WRITABLE } from './bytes.ts';
import { checkCallback } from './check-callback.ts';
import { checkPlugins } from './check-plugins.ts';
import { ENDPOINT_RULES, endpointProblem, USAGE, type EndpointOptions } from './endpoint.ts';
import type { StreamOptions } from './options.ts';
import { checkTimeouts } from './merge-timeouts.ts';
import { DEFAULTS } from './options.ts';
import { OWN_FIELDS } from './own-fields.ts';
import { usage } from './usage.ts';

const BYTES: Rule = ['a number of bytes, 0 for no limit', isCount];

export const ABORT_SIGNAL: Rule = ['an AbortSignal', (value) => isObject(value) && 'addEventListener' in value];

/** The rule of each option of a stream. */
export const STREAM_RULES: Rules = {
  ...ENDPOINT_RULES,
  cb: ['a function, an object or a class', (value) => isFunction(value) || isObject(value)],
  method: ['the name of a method', isText],
  onEvent: ['a function', isFunction],
  waitFor: ['a mask of events, such as IN | EOF', (value) => isCount(value) && value <= ALL_EVENTS],
  inBufLimit: BYTES,
  outBuf: [WRITABLE, (value) => typeof value === 'string' || ArrayBuffer.isView(value)],
  outPos: ['a position in outBuf, 0 or more', isCount],
  outBufLimit: BYTES,
  highWaterMark: ['a number of bytes, 1 or more', (value) => isCount(value) && value > 0],
  allowHalfOpen: ['a boolean', isBoolean],
  isFatal: ['a function', isFunction],
  plugin: ['plugins by name, { name: plugin }, or pairs [[name, plugin]]', isObject, describeWithType],
  timeouts: ['milliseconds by name, such as { connect: 5000 }', isObject],
  signal: ABORT_SIGNAL,
  scheduler: ['an RxJS scheduler', (value) => isObject(value) && 'schedule' in value],
};

const STREAM_OPTIONS: OptionSet = { caller: 'IOStream', usage: USAGE, rules: STREAM_RULES, show: describeValue, others: OWN_FIELDS };

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
  const copy: Mutable<T & StreamOptions<never>> = checkOptions(options as T & StreamOptions<never>, STREAM_OPTIONS);
  const problem = endpointProblem(copy);
  if (problem) throw usage(...problem);
  checkParts(copy);
  return copy;
}

/**
 * Copies and checks options as {@link checkStreamOptions} does, without an endpoint (`fh`, `host`, `port`, `path`, `wire`).
 *
 * @returns the copy.
 * @throws TypeError that names the wrong option.
 */
export function checkOptionsWithoutEndpoint(options: object): Omit<StreamOptions<never>, keyof EndpointOptions> {
  const copy = checkOptions(options as StreamOptions<never>, STREAM_OPTIONS);
  checkParts(copy);
  return copy;
}

/** Checks the records and lists in the options, and replaces them by copies. */
function checkParts(copy: Mutable<Omit<StreamOptions<never>, keyof EndpointOptions>>): void {
  if (copy.plugin !== undefined) copy.plugin = checkPlugins(copy.plugin, NO_WIRE);
  if (copy.timeouts !== undefined) copy.timeouts = checkTimeouts(copy.timeouts);
  checkCallback(copy.cb, copy.method ?? DEFAULTS.method);
}

const NO_WIRE: Wire = () => () => new Observable();
