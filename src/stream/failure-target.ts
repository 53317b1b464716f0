import type { IOStreamError } from '../errors.ts';

/** Ends a connection that cannot go on. */
export interface FailureTarget {
  /** @param isHandled whether the caller reports the error, too. */
  fail(error: IOStreamError, isHandled?: boolean): void;
  /** Called when a callback of the user threw. */
  onCallbackThrow(error: unknown): void;
}
