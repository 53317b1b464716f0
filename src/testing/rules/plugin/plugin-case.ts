import { pattern } from '../../bytes.ts';
import { cutPlans, type CutPlan } from '../../rechunk.ts';
import type { PluginRun } from './plugin-run.ts';
import type { PluginRunOptions } from './plugin-setup.ts';

/** One case of `checkPlugin`. */
export interface PluginCase extends PluginRunOptions {
  readonly rules: readonly number[];
  run(test: PluginRun): Promise<void>;
}

/** The payload of most cases: from the application, and from the peer. */
export const OUTBOUND: Uint8Array = pattern(5, 65);
export const INBOUND: Uint8Array = pattern(5, 97);

/** The two simplest ways to cut the peer's bytes. */
const [whole] = [...cutPlans(0)] as [CutPlan];
const [, , byByte] = [...cutPlans(2, { random: 0 })] as [CutPlan, CutPlan, CutPlan];
export const WHOLE: CutPlan = whole;
export const BYTE_BY_BYTE: CutPlan = byByte;

/** Creates a case; the peer's bytes are not cut by default. */
export function pluginCase(
  input: string,
  rules: readonly number[],
  run: PluginCase['run'],
  options: Partial<PluginRunOptions> = {},
): PluginCase {
  return { input, plan: WHOLE, ...options, rules, run };
}

/** Returns about `count` evenly spread integers from 0 to `last`. */
export function spread(last: number, count: number): number[] {
  const step = Math.max(1, last / count);
  const numbers: number[] = [];
  for (let at = 0; at <= last; at += step) numbers.push(Math.floor(at));
  return numbers;
}
