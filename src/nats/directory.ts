import { Observable } from 'rxjs';
import { SessionClaim } from './directory-claim.ts';
import { decodeClaim } from './directory-entry.ts';
import { checkSession, checkWatched, planClaim, planDirectory } from './directory-plan.ts';
import type { Directory, DirectoryBucket, DirectoryOptions } from './directory-types.ts';
import { watchDirectory } from './directory-watch.ts';

/**
 * Creates a directory of who owns which session, in a bucket of NATS. Nodes claim sessions by revision, so that each has one owner.
 *
 * ```text
 *   node 1: claim('u7') ──▶ create ──▶ revision 41 = token ── renew 42, 43 … ──────── renew: refused ──▶ ESTALE
 *   node 2: claim('u7') ──▶ create: refused ──▶ EBUSY
 *   node 3: claim('u7', { whenOwned: 'take' }) ─────────────────────────▶ update 43 ──▶ revision 44 = token
 * ```
 *
 * `claim` emits once, when the session is owned.
 *
 * **Errors**
 * - EBUSY: another claim owns the session. An error of NATS if the broker does not answer, except while a claim waits.
 * - ESTALE: the claim was taken, or the broker has confirmed no renewal for `ttl`. Store `token` with what you write, and refuse lower
 *   ones: a paused process notices the loss only afterwards.
 *
 * **Closing**
 * - Unsubscribing removes the entry. `release()` waits for it.
 *
 * **Memory**
 * - A claim has two timers, and one write in flight.
 *
 * No clocks are compared: an entry has expired when its revision has not changed for `ttl` on the own clock. Without a `ttl` of the
 * bucket, only `whenOwned: 'wait'` and `'take'` replace the entry of a dead node.
 *
 * ```ts
 * import { Kvm } from '@nats-io/kv';
 * import { connect } from '@nats-io/transport-node';
 * import { directory } from 'rxjs-io-stream/nats';
 *
 * const connection = await connect({ servers: '127.0.0.1:4222' });
 * const sessions = directory(await new Kvm(connection).create('sessions', { ttl: 15_000 }));
 * sessions.claim('user-7', { value: 'node-1' }).subscribe({
 *   next: ({ token }) => console.log('owned with token', token),
 *   error: console.error,
 * });
 * ```
 *
 * @param bucket the bucket; no other program writes to it.
 * @param options `ttl` (15000) and `heartbeat` (a third of it), in milliseconds.
 * @throws TypeError for a wrong argument.
 * @see docs/guides/nats-rooms.md, {@link rooms}
 */
export function directory(bucket: DirectoryBucket, options: DirectoryOptions = {}): Directory {
  const plan = planDirectory(bucket, options);
  return {
    claim: (session, claimOptions = {}) => {
      checkSession(session);
      planClaim(claimOptions);
      return new Observable((out) => {
        const claim = new SessionClaim(session, claimOptions, plan, out);
        void claim.acquire();
        return () => void claim.stop();
      });
    },
    owner: async (session) => {
      checkSession(session);
      const entry = await bucket.get(session);
      const stored = entry && decodeClaim(entry);
      return stored ? { session, value: stored.value, revision: entry.revision } : undefined;
    },
    watch: (session) => {
      checkWatched(session);
      return watchDirectory(plan, session);
    },
  };
}
