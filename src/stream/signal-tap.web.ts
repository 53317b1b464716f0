import type { Observer } from 'rxjs';
import type { Flow, Up } from '../wire/signal.ts';
import type { Tapped } from './tapped.ts';

// Nothing is published here: see `signal-tap.ts` for Node. Empty functions, and not `noop`: a bundler drops calls of these.

export function publishInbound(_tapped: Tapped, _signal: Up): void {}
export function publishInboundEnd(_tapped: Tapped, _end: { readonly error?: unknown }): void {}
export function publishFreed(_tapped: Tapped): void {}

/** Returns the observer of outbound signals. */
export function tappedFlow(_tapped: Tapped, flow: Observer<Flow>): Observer<Flow> {
  return flow;
}
