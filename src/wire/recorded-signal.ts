import type { Phase } from '../errors.ts';
import { errorFacts, plainDetails } from '../util/log-format.ts';
import type { Up } from './signal.ts';

/** A recorded signal, or the end of its line. */
export type RecordedSignal =
  | Up
  | { readonly kind: 'complete' }
  | { readonly kind: 'unsubscribed' }
  | {
      readonly kind: 'error';
      readonly code: string | undefined;
      readonly errno: number;
      readonly phase: Phase | undefined;
      readonly message: string;
    };

/** Returns the signal that records a signal: of the details, it keeps strings, numbers and booleans. Bytes are not copied. */
export function recordedSignal(signal: RecordedSignal): RecordedSignal {
  return signal.kind === 'connected' ? { kind: 'connected', details: signal.details.map(plainDetails) } : signal;
}

/** Returns the signal that records an error. */
export function recordedError(error: unknown): RecordedSignal {
  const { errno = 0, phase, ...facts } = errorFacts(error);
  return { kind: 'error', code: facts.code, errno, phase: phase as Phase | undefined, message: facts.message };
}
