import { Presets, SingleBar } from 'cli-progress';
import { defer, finalize, tap, type MonoTypeOperatorFunction } from 'rxjs';
import { mib } from './format.ts';

/** How many bytes of the file have been sent, and how many have come back. */
export interface Progress {
  readonly sent: number;
  readonly back: number;
}

/** Shows a progress bar on stderr while subscribed, if stderr is a terminal. Passes all notifications through. */
export function showProgress<T extends Progress>(total: number): MonoTypeOperatorFunction<T> {
  return (progress$) =>
    defer(() => {
      const bar = new SingleBar(
        {
          format: '{bar} {percentage}% | sent {sent} | back {value} of {total} | {duration_formatted}',
          formatValue: (value, _options, type) => (type === 'value' || type === 'total' ? mib(value) : String(value)),
          barsize: 24,
          hideCursor: true,
        },
        Presets.shades_classic,
      );
      bar.start(total, 0, { sent: mib(0) });
      return progress$.pipe(
        tap(({ sent, back }) => bar.update(back, { sent: mib(sent) })),
        finalize(() => bar.stop()),
      );
    });
}
