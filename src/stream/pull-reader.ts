/** Reads bytes chunk by chunk: `consume`, iteration or a conversation. A stream has one pull reader at a time. */
export interface PullReader {
  /** Called when bytes or the end are available. */
  ready(): void;
  /** Whether an error that the reader receives reaches a handler. @default it does */
  isErrorHandled?(): boolean;
  /** Whether the reader has delivered the end and may be replaced. @default it has not */
  hasEnded?(): boolean;
}
