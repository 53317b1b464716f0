import { isObservable } from 'rxjs';
import { checkStreamOptions } from '../stream/check-stream-options.ts';
import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import type { PersistentTarget } from './persistent-types.ts';
import type { PersistentPlan } from './reconnecting-stream.ts';
import { ReconnectingStream } from './reconnecting-stream.ts';

const EXPECTED = 'expected persistent() to get the options of a connection, a list of them, or a function that returns them';
const INSTEAD = 'write persistent({ host, port }), it connects by itself';

/** Copies and checks the first argument of `persistent`. For a wrong value, throws a TypeError with what to write instead. */
export function targetsOf(target: PersistentTarget): Pick<PersistentPlan, 'targets' | 'signal'> {
  if (typeof target === 'function') return { targets: [(attempt) => checkTarget(target(attempt))], signal: undefined };
  const all = (Array.isArray as (value: unknown) => value is readonly IOStreamOptions[])(target) ? target : [target];
  const [first, ...others] = all.map(checkTarget);
  if (!first) throw new TypeError(`${EXPECTED}, got an empty list`);
  return { targets: [first, ...others].map((each) => () => each), signal: first.signal };
}

function checkTarget(target: IOStreamOptions): IOStreamOptions {
  if (isObservable(target)) throw new TypeError(`${EXPECTED}, got an Observable; ${INSTEAD}`);
  if (target instanceof IOStream || target instanceof ReconnectingStream) throw new TypeError(`${EXPECTED}, got a stream; ${INSTEAD}`);
  if (isPromise(target))
    throw new TypeError(`${EXPECTED}, got a Promise; a function that needs time to make them belongs before persistent()`);
  // The status names this object, and later attempts dial it again.
  return Object.freeze(checkStreamOptions(target));
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
