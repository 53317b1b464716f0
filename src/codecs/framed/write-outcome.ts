import type { WriteOutcome } from './message-output.ts';

/** Whether {@link writeOutcome} is calling `write`, and the result of the last write. */
let isCapturing = false;
let lastOutcome: WriteOutcome;

/**
 * Writes a message and returns the result. The boolean of `write` cannot distinguish a rejection from a full stream. A rejection is
 * only returned to this caller, and not reported by the stream.
 *
 * @param framed has the `write` of a `framed`, or one that calls it.
 * @throws IOStreamError if the message cannot be encoded.
 */
export function writeOutcome<W>(framed: { readonly write: (message: W) => boolean }, message: W): WriteOutcome {
  isCapturing = true;
  lastOutcome = undefined;
  try {
    framed.write(message);
  } finally {
    isCapturing = false;
  }
  return lastOutcome;
}

/** Called at the start of a write. Returns whether {@link writeOutcome} made it. A write from inside the encoder has another caller. */
export function takeCapture(): boolean {
  const wasCapturing = isCapturing;
  isCapturing = false;
  return wasCapturing;
}

/** Called at the end of a write. */
export function captureOutcome(outcome: WriteOutcome): void {
  lastOutcome = outcome;
}
