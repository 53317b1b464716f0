import { ECLOSED, EOUTBUFLIMIT, ETOCONNECT, IOStreamError } from '../errors.ts';
import type { PoolPlan } from './pool-plan.ts';
import type { PoolCounts } from './pool-types.ts';

/** Creates the error of a use that has waited for `waitTimeout`. */
export function waitedTooLong({ waitTimeout, max }: PoolPlan, { busy, connecting }: PoolCounts): IOStreamError {
  const message = `the pool had no connection for this use within ${waitTimeout} ms (waitTimeout): of max = ${max}, ${busy} were busy and ${connecting} connecting`;
  return new IOStreamError(ETOCONNECT, { phase: 'connect', fatal: false, message });
}

/** Creates the error of a use that `maxWaiting` forbids to wait. */
export function tooManyWaiting({ maxWaiting, max }: PoolPlan): IOStreamError {
  const message = `all connections of the pool are busy (max = ${max}) and maxWaiting = ${maxWaiting} uses wait, one more was rejected; wait for a use to end, or raise maxWaiting`;
  return new IOStreamError(EOUTBUFLIMIT, { phase: 'connect', fatal: false, message });
}

/** Creates the error of a use that a closed pool does not serve. */
export function poolClosed(message = 'the pool is closed: it accepts no more uses'): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'connect', message });
}

/** Creates the error of a use whose connection has ended before its handler. */
export function connectionLost(message = 'the peer ended the connection before the handler completed'): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'read', message });
}
