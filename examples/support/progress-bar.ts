import { identity, tap, type MonoTypeOperatorFunction } from 'rxjs';
import { drawn } from './drawn.ts';
import { formatBytes } from './format.ts';
import { bar, cut, isDrawable, lookOf } from './terminal.ts';

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
  if (!isDrawable(process.stderr)) return identity;
  return (progress$) => {
    let text = '';
    const look = lookOf(process.stderr);
    const next = (progress: T): void => {
      const { value, total, note } = stateOf(progress);
      const share = Number.isFinite(total) ? value / total : 0;
      const size = Number.isFinite(total) ? formatBytes(total) : 'an unknown size';
      text = `${bar(share, 24, look)} ${Math.round(share * 100)}% | ${note}${formatBytes(value)} of ${size}`;
    };
    return progress$.pipe(
      tap(next),
      drawn(process.stderr, () => cut(text, look.columns, look)),
    );
  };
}
