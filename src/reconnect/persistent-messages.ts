import type { PersistentStatus } from './persistent-types.ts';

/** The diagnostics of persistent streams. */
export interface PersistentMessages<Persistent> {
  /** The status has changed. */
  'persistent:status': { readonly persistent: Persistent; readonly status: PersistentStatus };
}
