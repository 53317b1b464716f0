import { IOStreamError } from '../errors.ts';
import type { DirectoryPlan } from './directory-plan.ts';

/** The broker's codes for an entry that has not the expected revision. */
const REFUSALS: ReadonlySet<unknown> = new Set([10071, 10164]);

/** Whether the broker has refused a write because the entry has another revision. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && REFUSALS.has((error as { code?: unknown }).code);
}

/** Whether the broker has not answered: another attempt may succeed. */
export function isUnreachable(error: unknown): boolean {
  const { name, cause } = error as { readonly name?: unknown; readonly cause?: { readonly name?: unknown } };
  return name === 'TimeoutError' || name === 'JetStreamNotEnabled' || cause?.name === 'NoResponders';
}

export function ownedByOther(session: string, revision: number): IOStreamError {
  const message = `another claim owns the session '${session}' (revision ${revision}); use whenOwned: 'wait' or 'take'`;
  return new IOStreamError('EBUSY', { phase: 'connect', errno: -16, message, facts: { session } });
}

export function claimTaken(session: string, token: number): IOStreamError {
  return stale(session, token, 'another claim has taken it, or its entry was removed');
}

export function claimExpired(session: string, token: number, { ttl }: DirectoryPlan): IOStreamError {
  return stale(session, token, `the broker has confirmed no renewal for ttl = ${ttl} ms`);
}

export function claimReleased(session: string, token: number): IOStreamError {
  return stale(session, token, 'this claim was released');
}

function stale(session: string, token: number, why: string): IOStreamError {
  const message = `the session '${session}' is no longer owned with token ${token}: ${why}; stop writing for it`;
  return new IOStreamError('ESTALE', { phase: 'write', errno: -116, message, facts: { session, token } });
}

export function bucketExpiresEarlier(bucketTtl: number, { ttl }: DirectoryPlan): TypeError {
  return new TypeError(
    `expected the \`ttl\` of the bucket to be 0, or at least that of the directory (${ttl} ms), got ${bucketTtl}: entries would expire before their owners know`,
  );
}

export function watchEnded(cause?: unknown): IOStreamError {
  const message = 'the watch of the directory ended: the connection to the broker is closed';
  return new IOStreamError('ECONNRESET', { phase: 'read', message, cause });
}
