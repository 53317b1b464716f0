import { noop, type Observer } from 'rxjs';
import type { Flow, Up } from '../wire/signal.ts';
import type { Tapped } from './tapped.ts';

// Nothing is published here: see `signal-tap.ts` for Node.

export const publishInbound: (tapped: Tapped, signal: Up) => void = noop;
export const publishInboundEnd: (tapped: Tapped, end: { readonly error?: unknown }) => void = noop;
export const publishFreed: (tapped: Tapped) => void = noop;

/** Returns the observer of outbound signals. */
export function tappedFlow(_tapped: Tapped, flow: Observer<Flow>): Observer<Flow> {
  return flow;
}
