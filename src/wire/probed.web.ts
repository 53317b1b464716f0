import type { OperatorFunction } from 'rxjs';
import type { Flow, Up } from './signal.ts';

/** The layers on both sides of a boundary in a stack. */
export interface Boundary {
  readonly below: string | undefined;
  readonly above: string | undefined;
}

/** Returns the operator: no dial has a probe here. See `probed.ts` for Node. */
export function probed(operator: OperatorFunction<Flow, Up>, _probe: object, _boundary: Boundary): OperatorFunction<Flow, Up> {
  return operator;
}
