/** How a stream ended. Times are on the clock of its scheduler, in milliseconds. */
export interface ClosedReport {
  /** Who ended it: our `close`, `end` or `reset`; the peer's EOF; an error; or an upgrade that took the wire over. */
  readonly by: 'us' | 'peer' | 'error' | 'upgraded';
  /** With `by: 'error'`, what went wrong; otherwise what went wrong while closing, or the cause of a reset or abort. */
  readonly error?: unknown;
  /** Bytes read. */
  readonly bytesIn: number;
  /** Bytes that have left for the kernel. */
  readonly bytesOut: number;
  /** Bytes that were accepted and have not left. */
  readonly unsent: number;
  readonly startedAt: number;
  /** Absent when it never was connected. */
  readonly connectedAt?: number;
  readonly closedAt: number;
}

/** Where in its life a stream is. */
export type StreamState = 'opening' | 'open' | 'closing' | 'closed';
