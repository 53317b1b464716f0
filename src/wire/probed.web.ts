import type { OperatorFunction } from 'rxjs';
import type { Dial, Flow, Up } from './signal.ts';

/** Returns the operator: no dial has a probe here. See `probed.ts` for Node. */
export function probed(
  operator: OperatorFunction<Flow, Up>,
  _dial: Dial,
  _entries: readonly unknown[],
  _index: number,
): OperatorFunction<Flow, Up> {
  return operator;
}
