import { pattern } from '../../bytes.ts';
import type { WireRun } from './wire-run.ts';

/** One case of `checkWire`. */
export interface WireCase {
  readonly rules: readonly number[];
  /** Describes the input. */
  readonly input: string;
  run(test: WireRun): Promise<void>;
}

/** The payload of most cases. */
export const FIVE_BYTES: Uint8Array = pattern(5, 65);
