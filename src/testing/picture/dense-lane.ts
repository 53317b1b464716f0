import { formatBytes, formatCount, formatTime } from './format.ts';
import { isOutbound, type Lane, type LaneSignal } from './lanes.ts';
import { BAR_HEIGHT, BASELINE, BIN_WIDTH, MARK_WIDTH, PLOT_LEFT } from './layout.ts';
import { rect } from './svg.ts';
import { SYMBOLS } from './symbols.ts';
import type { TimeScale } from './time-scale.ts';

/** The signals of one bar. */
interface Bin {
  readonly from: number;
  to: number;
  data: number;
  sent: number;
  bytes: number;
  isWrong: boolean;
}

/** Returns the height of a bar that stands for many signals: by the square root. @param largest bytes of the highest bar. */
const heightOf = (bytes: number, largest: number): number => 3 + (BAR_HEIGHT - 3) * Math.sqrt(bytes / Math.max(1, largest));

/** Joins the data of a lane into bars of equal width. Their number has a limit, however many signals there are. */
export function binsOf({ signals }: Lane, { xs }: TimeScale): ReadonlyMap<number, Bin> {
  const bins = new Map<number, Bin>();
  for (const { order, at, kind, size, wrong } of signals) {
    if (kind !== 'data' && kind !== 'sent') continue;
    const place = Math.floor(((xs[order] ?? 0) - PLOT_LEFT) / BIN_WIDTH);
    const bin = bins.get(place) ?? { from: at, to: at, data: 0, sent: 0, bytes: 0, isWrong: false };
    bin.to = at;
    bin[kind] += 1;
    if (kind === 'data') bin.bytes += size;
    if (wrong) bin.isWrong = true;
    bins.set(place, bin);
  }
  return bins;
}

/**
 * Draws a lane of many signals: a bar for the data of each {@link BIN_WIDTH}, and the few signals of other kinds. Pauses are areas only.
 */
export function denseLane(lane: Lane, top: number, scale: TimeScale, largest: number, mark: DrawMark): string {
  const y = top + BASELINE;
  const color = isOutbound(lane.line) ? 'out' : 'in';
  const bars = [...binsOf(lane, scale)].map(([place, bin]) => {
    if (bin.data === 0) return '';
    const height = heightOf(bin.bytes, largest);
    const box = { x: PLOT_LEFT + place * BIN_WIDTH, y: y - height, width: BIN_WIDTH - 1, height };
    return rect(`bar ${bin.isWrong ? 'unexpected' : color}`, box, wordsOf(bin));
  });
  return bars.join('') + marksOf(lane.signals, y, scale, mark);
}

/** Draws a signal other than bytes. */
export type DrawMark = (signal: LaneSignal, x: number, y: number) => string;

function marksOf(signals: readonly LaneSignal[], y: number, { xs }: TimeScale, mark: DrawMark): string {
  let next = 0;
  return signals
    .map((signal) => {
      if (!(signal.kind in SYMBOLS) || signal.kind === 'pause' || signal.kind === 'resume') return '';
      const x = xs[signal.order] ?? 0;
      // Names may be resolved any number of times. The end of a line may be moved, but not left out.
      if (x < next && signal.kind === 'resolved') return '';
      const placed = Math.max(x, next);
      next = placed + MARK_WIDTH + 1;
      return mark(signal, placed, y);
    })
    .join('');
}

function wordsOf({ from, to, data, sent, bytes }: Bin): string {
  const time = from === to ? formatTime(from) : `${formatTime(from)} to ${formatTime(to)}`;
  return `${time}: ${formatCount(data, 'chunk')}, ${formatBytes(bytes)}${sent > 0 ? `, ${sent} × sent` : ''}`;
}
