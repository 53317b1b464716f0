import { Presets, SingleBar } from 'cli-progress';
import { defer, tap, type MonoTypeOperatorFunction } from 'rxjs';
import { formatBytes } from './format.ts';

/** What the bar shows. */
export interface BarState {
  /** Bytes so far. */
  readonly value: number;
  /** Bytes in all. Infinity if that is not known. */
  readonly total: number;
  /** A text in front of the numbers. */
  readonly note: string;
}

/** Shows a progress bar on stderr while subscribed, if stderr is a terminal. Passes all notifications through. */
export function showProgress<T>(stateOf: (progress: T) => BarState): MonoTypeOperatorFunction<T> {
  return (progress$) =>
    defer(() => {
      const bar = createBar();
      const stop = (): void => bar.stop();
      const next = (progress: T): void => {
        const { value, total, note } = stateOf(progress);
        if (!bar.isActive) bar.start(total, value, { note });
        bar.setTotal(total);
        bar.update(value, { note });
      };
      // Not `finalize`: the bar ends before the subscriber prints its last line.
      return progress$.pipe(tap({ next, error: stop, complete: stop, unsubscribe: stop }));
    });
}

function createBar(): SingleBar {
  const options = {
    format: '{bar} {percentage}% | {note}{value} of {total} | {duration_formatted}',
    formatValue: (value: number, _options: unknown, type: string) =>
      type === 'value' || type === 'total' ? inBytes(value) : String(value),
    barsize: 24,
    hideCursor: true,
  };
  return new SingleBar(options, Presets.shades_classic);
}

const inBytes = (value: number): string => (Number.isFinite(value) ? formatBytes(value) : 'an unknown size');
