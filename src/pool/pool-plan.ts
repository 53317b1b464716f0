import { isObservable, type ObservableInput, type SchedulerLike } from 'rxjs';
import type { Endpoint } from '../stream/endpoint.ts';
import { checkStreamOptions } from '../stream/check-stream-options.ts';
import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import { DEFAULTS } from '../stream/options.ts';
import { checkOptions, type OptionSet, type Rule } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { steadyScheduler } from '../util/real-time.ts';
import { isCount, isFunction, isObject, isTime } from '../util/value-tests.ts';
import type { PoolOptions } from './pool-types.ts';

/** The checked options of a pool. A limit that is off is Infinity. */
export interface PoolPlan {
  /** Creates the stream of a new connection, which dials. Throws for wrong options. */
  readonly dial: () => IOStream;
  readonly max: number;
  readonly maxWaiting: number;
  readonly waitTimeout: number;
  readonly idleTimeout: number;
  readonly maxAge: number;
  readonly maxUses: number;
  readonly open: ((io: IOStream) => ObservableInput<unknown>) | undefined;
  readonly validate: ((io: IOStream, session: unknown) => ObservableInput<boolean>) | undefined;
  readonly scheduler: SchedulerLike;
}

const isSize = (value: unknown): boolean => value === Infinity || isCount(value);
const TIME: Rule = ['milliseconds, 0 or more; 0 or Infinity for no limit', isTime];
const FUNCTION: Rule = ['a function', isFunction];

const POOL_OPTIONS: OptionSet = {
  caller: 'pool',
  required: ['connect'],
  show: describeValue,
  rules: {
    connect: ['the options of a connection, or a function that returns them', isTarget, describeTarget],
    max: ['a number of connections, 1 or more', (value) => isCount(value) && value > 0],
    maxWaiting: ['a number of uses, 0 or more; Infinity for no limit', isSize],
    waitTimeout: TIME,
    idleTimeout: TIME,
    maxAge: TIME,
    maxUses: ['a number of uses, 1 or more; Infinity for no limit', (value) => isSize(value) && value !== 0],
    open: FUNCTION,
    validate: FUNCTION,
    scheduler: ['an RxJS scheduler', (value) => isObject(value) && 'schedule' in value],
  },
};

function isTarget(value: unknown): boolean {
  return isFunction(value) || (isObject(value) && !Array.isArray(value) && !isObservable(value) && !(value instanceof IOStream));
}

function describeTarget(value: unknown): string {
  if (isObservable(value)) return 'an Observable; write `connect: { host, port }`, the pool connects by itself';
  if (value instanceof IOStream) return 'a stream; write `connect: { host, port }`, the pool connects by itself';
  return value === undefined ? 'undefined; write pool({ connect: { host, port } })' : describeValue(value);
}

/**
 * Copies and checks the options.
 *
 * @throws TypeError that names the wrong one.
 */
export function planPool(options: PoolOptions<object, unknown>): PoolPlan {
  const given = checkOptions(options as Loose, POOL_OPTIONS);
  const { max = 10, maxWaiting = 10_000, maxUses = Infinity, open, validate } = given;
  const target = isFunction(given.connect) ? undefined : checkTarget(given.connect as IOStreamOptions);
  const make = given.connect as () => IOStreamOptions;
  const { scheduler = target?.scheduler ?? DEFAULTS.scheduler } = given;
  const limit = (ms = Infinity): number => (ms === 0 ? Infinity : ms);
  return {
    dial: () => new IOStream(target ?? make()),
    ...{ max, maxWaiting, maxUses, open, validate },
    waitTimeout: limit(given.waitTimeout ?? 30_000),
    idleTimeout: limit(given.idleTimeout ?? 30_000),
    maxAge: limit(given.maxAge),
    scheduler: steadyScheduler(scheduler),
  };
}

/** The options without the types of their connection. */
type Loose = Omit<PoolOptions<object, unknown>, 'connect' | 'open' | 'validate'> & {
  readonly connect: unknown;
  readonly open?: PoolPlan['open'];
  readonly validate?: PoolPlan['validate'];
};

function checkTarget(target: IOStreamOptions): IOStreamOptions {
  const copy = checkStreamOptions(target);
  if ((copy as Endpoint).fh === undefined) return copy;
  throw new TypeError('expected `connect` of pool to be a function with `fh`, got options: an fh can be used once, return a new one');
}
