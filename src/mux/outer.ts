/** The connection below a mux. Positions are totals of bytes since its start. */
export interface Outer {
  /** The position after the last byte that it has accepted. */
  readonly accepted: number;
  /** The position up to which its bytes have been sent. */
  readonly sent: number;
  /** Whether writes should wait. */
  readonly isBlocked: boolean;
  /** Whether it rejects writes. */
  readonly isClosed: boolean;
  /** Queues bytes. */
  write(bytes: Uint8Array): void;
}
