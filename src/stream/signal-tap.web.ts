import { noop, type Observer } from 'rxjs';
import type { Flow, Up } from '../wire/signal.ts';

/** The connection whose signals are published: see `signal-tap.ts` for Node. */
export type Tapped = object;

export const publishInbound: (tapped: Tapped, signal: Up) => void = noop;
export const publishInboundEnd: (tapped: Tapped, end: { readonly error?: unknown }) => void = noop;
export const publishFreed: (tapped: Tapped) => void = noop;

/** Returns the observer of outbound signals. */
export function tappedFlow(_tapped: Tapped, flow: Observer<Flow>): Observer<Flow> {
  return flow;
}
