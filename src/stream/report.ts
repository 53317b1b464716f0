/** The report of a closed stream. Times are those of its scheduler, in milliseconds. */
export interface ClosedReport {
  /** What ended the stream: our `close`, `end` or `reset`; the peer's EOF; an error; or an upgrade that took over the wire. */
  readonly by: 'us' | 'peer' | 'error' | 'upgraded';
  /** With `by: 'error'`, the fatal error; otherwise an error during the close, or the cause of a reset or abort. */
  readonly error?: unknown;
  /** Facts that the wire reports about the peer's end: `closeCode` and `closeReason` of a WebSocket. Absent if there are none. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Bytes read. */
  readonly bytesIn: number;
  /** Bytes sent to the kernel. */
  readonly bytesOut: number;
  /** Bytes that were accepted and not sent. */
  readonly unsent: number;
  /** When the stream was created. */
  readonly startedAt: number;
  /** Absent if the stream was never connected. */
  readonly connectedAt?: number;
  /** When the handle was freed. */
  readonly closedAt: number;
}

/** The state of a stream. */
export type StreamState = 'opening' | 'open' | 'closing' | 'closed';
