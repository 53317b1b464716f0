import { formatBytes, formatTime } from './format.ts';
import type { Lane, Scene } from './lanes.ts';
import { BAR_HEIGHT, BASELINE, PLOT_LEFT, UNSENT_HEIGHT } from './layout.ts';
import { element, rect, round, title } from './svg.ts';
import type { TimeScale } from './time-scale.ts';

/** The line whose bytes a pause holds back: the one in the other direction at the same place. */
const HELD = { app: 'to app', 'to wire': 'wire', wire: 'to wire', 'to app': 'app' } as const;

/** Draws the times in which a lane was paused by the other direction. Spans closer than a pixel are joined. */
export function pausedSpans(lane: Lane, { lanes, end }: Scene, top: number, scale: TimeScale): string {
  const pausing = lanes.find(({ line }) => HELD[line] === lane.line);
  const spans: { from: number; to: number; since: number; until: number }[] = [];
  let since: { x: number; at: number } | undefined;
  const close = (x: number, at: number): void => {
    if (!since) return;
    const last = spans.at(-1);
    if (last && since.x - last.to < 1) Object.assign(last, { to: x, until: at });
    else spans.push({ from: since.x, to: x, since: since.at, until: at });
    since = undefined;
  };
  for (const { kind, order, at } of pausing?.signals ?? []) {
    const x = scale.xs[order] ?? 0;
    if (kind === 'pause') since ??= { x, at };
    else if (kind === 'resume' || kind === 'complete' || kind === 'error' || kind === 'unsubscribed') close(x, at);
  }
  close(scale.xOf(end), end);
  return spans
    .map(({ from, to, since, until }) => {
      const box = { x: from, y: top + BASELINE - BAR_HEIGHT - 4, width: Math.max(1, to - from), height: BAR_HEIGHT + 4 };
      return rect('paused', box, `paused from ${formatTime(since)} to ${formatTime(until)}`);
    })
    .join('');
}

/** Bytes that were written and not yet sent, over time. */
export interface Unsent {
  readonly path: string;
  readonly peak: number;
}

/**
 * Draws the bytes that were written to a lane and not yet reported as `sent` in the other direction: steps below the baseline, as in
 *
 * ```text
 *   ─────┬──┬───────
 *        └┐ └──┐ ┌──
 *         └────┴─┘
 * ```
 *
 * @returns undefined for an inbound lane, and for one without `sent`.
 */
export function unsentArea(lane: Lane, { lanes, signals }: Scene, top: number, scale: TimeScale): Unsent | undefined {
  const back = lanes.find(({ line }) => line === (lane.line === 'to wire' ? 'wire' : lane.line === 'app' ? 'to app' : ''));
  if (!back?.signals.some(({ kind }) => kind === 'sent')) return undefined;
  const points: { x: number; value: number }[] = [];
  let unsent = 0;
  let peak = 0;
  for (const { lane: own, signal } of signals) {
    if (own === lane && signal.kind === 'data') unsent += signal.size;
    else if (own === back && signal.kind === 'sent') unsent = Math.max(0, unsent - signal.size);
    else continue;
    peak = Math.max(peak, unsent);
    addPoint(points, round(scale.xs[signal.order] ?? 0), unsent, scale.isSparse);
  }
  if (peak === 0) return undefined;
  const y = top + BASELINE + 1;
  const steps = points.map(({ x, value }) => `H${x}V${round(y + (UNSENT_HEIGHT - 8) * (value / peak))}`);
  const shape = `M${PLOT_LEFT} ${y}${steps.join('')}H${round(scale.xs.at(-1) ?? PLOT_LEFT)}V${y}z`;
  return { path: element('path', { class: 'unsent', d: shape }, title(`written and not yet sent: at most ${formatBytes(peak)}`)), peak };
}

/** Adds a point. In a dense picture, of the points of one pixel the highest and the last are kept. */
function addPoint(points: { x: number; value: number }[], x: number, value: number, isSparse: boolean): void {
  const [last, before] = [points.at(-1), points.at(-2)];
  const isSamePixel = !isSparse && last && before && Math.floor(last.x) === Math.floor(x) && Math.floor(before.x) === Math.floor(x);
  if (!isSamePixel) {
    points.push({ x, value });
    return;
  }
  before.value = Math.max(before.value, last.value);
  Object.assign(last, { x, value });
}
