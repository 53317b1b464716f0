import { describeWithTime } from './describe-signal.ts';
import { formatBytes, peek } from './format.ts';
import { isOutbound, type Lane, type LaneSignal } from './lanes.ts';
import { BAR_HEIGHT, BAR_WIDTH, BASELINE, CHAR_WIDTH, MARK_WIDTH, PLOT_RIGHT } from './layout.ts';
import { element, rect, text, title } from './svg.ts';
import { SYMBOLS } from './symbols.ts';
import type { TimeScale } from './time-scale.ts';

/** Labels longer than this are cut. */
const MAX_LABEL = 22;
/** The height of the labels above the baseline. */
const LABEL_RISE = 33;

/** Draws each signal of a lane as a shape of its own, and labels those that have room. @param largest the most bytes of a signal. */
export function sparseLane({ line, signals }: Lane, top: number, { xs }: TimeScale, largest: number): string {
  const y = top + BASELINE;
  const color = isOutbound(line) ? 'out' : 'in';
  const shapes = signals.map((signal) => {
    const x = xs[signal.order] ?? 0;
    const words = describeWithTime(signal);
    if (signal.kind === 'sent') return sentMark(x, y, words);
    if (signal.kind !== 'data') return markOf(signal, x, y);
    const height = barHeight(signal.size, largest);
    return rect(`bar ${signal.wrong ?? color}`, { x, y: y - height, width: BAR_WIDTH, height, rx: 1.5 }, words);
  });
  return shapes.join('') + labelsOf(signals, xs, y);
}

/** Returns the height of a bar: by the logarithm, so that 5 bytes are seen beside 64 KiB. @param largest bytes of the highest bar. */
function barHeight(bytes: number, largest: number): number {
  return 4 + ((BAR_HEIGHT - 4) * Math.log1p(bytes)) / Math.max(1, Math.log1p(largest));
}

/** Draws a signal other than bytes: a box with its symbol. */
export function markOf(signal: LaneSignal, x: number, y: number): string {
  const [symbol = '?'] = SYMBOLS[signal.kind] ?? [];
  const side = MARK_WIDTH + 2;
  const box = rect('box', { x: x - 1, y: y - side, width: MARK_WIDTH, height: side, rx: 3 });
  const letter = text('symbol', x - 1 + MARK_WIDTH / 2, y - 3.5, symbol);
  return element('g', { class: `mark ${signal.wrong ?? signal.kind}` }, title(describeWithTime(signal)) + box + letter);
}

/** Draws `sent`: a small triangle below the baseline. */
function sentMark(x: number, y: number, words: string): string {
  return element('path', { class: 'sent', d: `M${(x + 1).toFixed(1)} ${y + 3}h7l-3.5 6z` }, title(words));
}

/** Labels the bytes and errors of a lane as far as there is room. Errors first. */
function labelsOf(signals: readonly LaneSignal[], xs: readonly number[], y: number): string {
  const taken: { readonly from: number; readonly to: number }[] = [];
  const inOrder = [...signals].sort((a, b) => Number(b.kind === 'error') - Number(a.kind === 'error') || a.order - b.order);
  return inOrder
    .map((signal) => {
      const label = labelOf(signal);
      if (label === '') return '';
      const width = label.length * CHAR_WIDTH;
      const from = Math.min(xs[signal.order] ?? 0, PLOT_RIGHT + 6 - width);
      const place = { from, to: from + width };
      if (taken.some((other) => place.from < other.to + CHAR_WIDTH && other.from < place.to + CHAR_WIDTH)) return '';
      taken.push(place);
      return text(`label ${signal.kind === 'error' || signal.wrong ? 'bad' : ''}`.trim(), from, y - LABEL_RISE, label);
    })
    .join('');
}

function labelOf({ kind, bytes, size, words }: LaneSignal): string {
  if (kind === 'error') return /\bE[A-Z\d]+\b/.exec(words)?.[0] ?? 'error';
  if (kind !== 'data') return '';
  return bytes ? peek(bytes, MAX_LABEL) : formatBytes(size);
}
