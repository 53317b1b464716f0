import type { PoolCounts } from './pool-types.ts';

/** What each message about a pool carries. */
export interface PoolMessage<Pool> {
  /** The pool, as `pool` returns it. */
  readonly pool: Pool;
  /** The counts when the message was published. */
  readonly counts: PoolCounts;
}

/** The diagnostics of pools. */
export interface PoolMessages<Pool> {
  /** The counts have changed. Published at the end of the tick. */
  'pool:counts': PoolMessage<Pool>;
  /** A use has to wait for a connection. */
  'pool:wait': PoolMessage<Pool>;
  /** A use has waited for `waitTimeout` ms, and was rejected. */
  'pool:timeout': PoolMessage<Pool> & { readonly error: unknown };
}
