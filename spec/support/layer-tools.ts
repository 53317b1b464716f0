import { Observable } from 'rxjs';
import { testDial } from '../../src/testing/test-dial.ts';
import { layer, type Layer, type LayerContext } from '../../src/wire/layer.ts';
import type { Flow, Plugin, Up, Wire } from '../../src/wire/signal.ts';
import { inWords } from './signal-text.ts';

/** A plugin that passes all signals on, except where `overrides` replace a method. */
export function plugin(overrides: (context: LayerContext) => Partial<Layer> = () => ({})): Plugin {
  return (wire) => (dial) =>
    layer(wire, dial, (context) => ({
      down: (signal) => context.down.next(signal),
      up: (signal) => context.up.next(signal),
      ...overrides(context),
    }));
}

/** A wire that echoes from inside `next` and completes with its flow. */
export const echo: Wire = () => (flow$) =>
  new Observable<Up>((up) => {
    up.next({ kind: 'connected', details: [] });
    flow$.subscribe(up);
  });

/** Runs a flow through a plugin on a wire. Returns the notifications of its Up in the same turn. */
export function run(flow$: Observable<Flow>, overrides?: (context: LayerContext) => Partial<Layer>, wire = echo): unknown[] {
  const log: unknown[] = [];
  const record = (signal: Up): void => void log.push(...inWords([signal]));
  flow$
    .pipe(plugin(overrides)(wire)(testDial()))
    .subscribe({ next: record, error: (error: unknown) => log.push(error), complete: () => log.push('complete') })
    .unsubscribe();
  return log;
}
