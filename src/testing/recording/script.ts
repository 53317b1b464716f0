import { concatBytes } from '../../util/concat-bytes.ts';
import type { RecordedSignal, Recording } from './recording.ts';

/** A signal to play. */
export interface Step {
  readonly at: number;
  readonly signal: RecordedSignal;
  /** Number of outbound bytes recorded before this signal, and whether an outbound end was. */
  readonly bytes: number;
  readonly hasEnded: boolean;
}

/** A recording as `replay` plays it. */
export interface Script {
  readonly steps: readonly Step[];
  /** All outbound bytes. */
  readonly outbound: Uint8Array;
  readonly hasEnded: boolean;
  readonly cut: boolean;
  readonly check: boolean;
}

/** @param check whether to compare the outbound bytes. */
export function scriptOf({ entries, cut }: Recording, check: boolean): Script {
  const steps: Step[] = [];
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let hasEnded = false;
  for (const { at, line, signal } of entries) {
    if (line === 'wire') steps.push({ at, signal, bytes, hasEnded });
    else if (line === 'to wire' && signal.kind === 'data') {
      chunks.push(signal.bytes);
      bytes += signal.bytes.length;
    } else if (line === 'to wire' && signal.kind === 'end') hasEnded = true;
  }
  return { steps, outbound: concatBytes(chunks), hasEnded, cut, check };
}
