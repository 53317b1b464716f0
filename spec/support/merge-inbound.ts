import { bufferWhen, mergeMap, timer } from 'rxjs';
import type { DataSignal, Plugin, Up } from '../../src/wire/signal.ts';
import { bytesOfSignals } from './bytes-of-signals.ts';

/** Merges the data that arrives within a few milliseconds into one chunk. */
export const mergeInbound: Plugin = (wire) => (dial) => (flow$) =>
  flow$.pipe(
    wire(dial),
    bufferWhen(() => timer(5)),
    mergeMap((signals: readonly Up[]): readonly Up[] => {
      const first = signals.find(({ kind }) => kind === 'data');
      const all: DataSignal = { kind: 'data', bytes: bytesOfSignals(signals) };
      return signals.flatMap((signal): readonly Up[] => (signal === first ? [all] : signal.kind === 'data' ? [] : [signal]));
    }),
  );
