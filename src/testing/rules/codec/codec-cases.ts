import type { CodecRun } from './codec-run.ts';
import { corruptedInput } from './corrupted.ts';
import { cuts } from './cuts.ts';
import { sourceCompletes, sourceErrors } from './ends.ts';
import { limit } from './limit.ts';
import { ownership } from './ownership.ts';
import { roundTrip } from './round-trip.ts';
import { separateState } from './state.ts';
import { synchronousBytes } from './synchronous-bytes.ts';
import { unsubscribes } from './unsubscribe.ts';

/** The case of each rule, from rule 1 on; all others need the first. */
export const CODEC_CASES: readonly ((run: CodecRun) => Promise<void>)[] = [
  roundTrip,
  cuts,
  sourceCompletes,
  sourceErrors,
  unsubscribes,
  separateState,
  corruptedInput,
  ownership,
  synchronousBytes,
  limit,
];
