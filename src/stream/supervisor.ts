import type { IOStreamError } from '../errors.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import type { ClosedReport } from './report.ts';

/** Handles what the user of a stream does not: implemented for the server that accepted it and the Promise that opened it. */
export interface Supervisor {
  /** Called when a fatal error reached no handler. Without this function the error is kept for the next read, send or `closed$`. */
  unhandled?(error: IOStreamError, wasConnected: boolean): void;
  /** Called when a callback threw; its stream is closed. */
  thrown(error: unknown): void;
  /** Called when the stack of the stream `io` is connected and CONNECTED was reported. */
  opened?(io: object): void;
  /** Called when the handle of the stream `io` is freed, or handed to a successor. */
  closed?(io: object, by: ClosedReport['by']): void;
  /** Called when `successor` has taken over the wire of the stream `io`. */
  upgraded?(successor: object, io: object): void;
}

/** Reports errors as RxJS does: to `config.onUnhandledError`, otherwise as an uncaught exception. */
export const UNSUPERVISED: Supervisor = { unhandled: reportUnhandled, thrown: reportUnhandled };
