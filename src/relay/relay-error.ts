import { ECLOSED, IOStreamError } from '../errors.ts';

/** The error of a {@link relay}: code, phase and facts of the error of one stream. `side` names the stream, `cause` is its error. */
export type RelayError = IOStreamError & { readonly side: 'a' | 'b' };

/** Converts an IOStreamError to a {@link RelayError}. Other values, such as an abort reason, are returned unchanged. */
export function withSide(error: unknown, side: 'a' | 'b'): unknown {
  if (!(error instanceof IOStreamError)) return error;
  const { code, phase, message } = error;
  return new IOStreamError(code, {
    phase,
    message: `stream ${side}: ${message}`,
    cause: error,
    facts: Object.assign({} as Record<string, unknown>, error, { side }),
  });
}

/** Makes the error of a stream that has closed, or no longer accepts bytes, before the relay was complete. */
export function endedTooEarly(endedByPeer: boolean): IOStreamError {
  const message = endedByPeer
    ? 'closed after the FIN of its peer, before both directions had ended; use allowHalfOpen: true for a stream that waits for its relay'
    : 'ended or closed by us before both directions had ended';
  return new IOStreamError(ECLOSED, { phase: 'close', message });
}
