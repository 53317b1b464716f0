/** The progress of a {@link relay}, in bytes. */
export interface RelayProgress {
  /** Bytes that were read from `a` and sent to the peer of `b`. */
  readonly aToB: number;
  /** Bytes that were read from `b` and sent to the peer of `a`. */
  readonly bToA: number;
}
