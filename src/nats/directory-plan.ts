import type { SchedulerLike } from 'rxjs';
import { checkOptions, type OptionSet } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { realTime, steadyScheduler } from '../util/real-time.ts';
import { isObject } from '../util/value-tests.ts';
import type { ClaimOptions, DirectoryBucket, DirectoryOptions } from './directory-types.ts';

/** The options with their defaults. */
export interface DirectoryPlan {
  readonly bucket: DirectoryBucket;
  readonly ttl: number;
  readonly heartbeat: number;
  readonly scheduler: SchedulerLike;
}

const isPositive = (value: unknown): boolean => typeof value === 'number' && value > 0 && value !== Infinity;

const OPTIONS: OptionSet = {
  caller: 'directory',
  rules: {
    ttl: ['milliseconds, more than 0', isPositive],
    heartbeat: ['milliseconds, more than 0', isPositive],
    scheduler: ['a scheduler of RxJS', isObject],
  },
  show: describeValue,
};

const CLAIM_OPTIONS: OptionSet = {
  caller: 'claim',
  rules: {
    value: ['a string', (value) => typeof value === 'string'],
    whenOwned: ["'fail', 'wait' or 'take'", (value) => value === 'fail' || value === 'wait' || value === 'take'],
  },
};

const METHODS = ['get', 'create', 'update', 'delete', 'watch', 'status'] as const;
/** The keys of a bucket. */
const PATTERN = /^([-/=\w]+|\*)(\.([-/=\w]+|\*))*(\.>)?$|^>$/;
const KEY = /^[-/=\w]+(\.[-/=\w]+)*$/;

export function planDirectory(bucket: DirectoryBucket, options: DirectoryOptions): DirectoryPlan {
  const missing = METHODS.find((name) => !isObject(bucket) || typeof bucket[name] !== 'function');
  if (missing !== undefined) throw new TypeError(`expected directory to get the KV of @nats-io/kv, got a value without ${missing}()`);
  const { ttl = 15_000, heartbeat = ttl / 3, scheduler = realTime } = checkOptions(options, OPTIONS);
  if (heartbeat > ttl / 2)
    throw new TypeError(
      `expected \`heartbeat\` of directory to be at most half of ttl = ${ttl} ms, so that one may fail; got ${heartbeat}`,
    );
  return { bucket, ttl, heartbeat, scheduler: steadyScheduler(scheduler) };
}

export function planClaim(options: ClaimOptions): Required<{ [K in keyof ClaimOptions]: NonNullable<ClaimOptions[K]> }> {
  const { value = '', whenOwned = 'fail' } = checkOptions(options, CLAIM_OPTIONS);
  return { value, whenOwned };
}

/** @throws TypeError unless the broker accepts the session as a key, or as a pattern of keys. */
export function checkWatched(pattern: unknown): asserts pattern is string | undefined {
  if (pattern === undefined || (typeof pattern === 'string' && PATTERN.test(pattern))) return;
  throw new TypeError(
    `expected watch to get a session, or a pattern such as 'user.*' or 'user.>', got ${describeValue(pattern)}; without one, it watches all`,
  );
}

/** @throws TypeError unless the broker accepts the session as a key. */
export function checkSession(session: unknown): asserts session is string {
  if (typeof session === 'string' && KEY.test(session)) return;
  throw new TypeError(
    `expected a session to be letters, digits and - _ / = in parts that dots separate, got ${describeValue(session)}; encode other text`,
  );
}
