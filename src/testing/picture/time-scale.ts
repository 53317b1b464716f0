import { formatTime } from './format.ts';
import type { Scene } from './lanes.ts';

/** Where times and signals are in a picture. */
export interface TimeScale {
  /** Whether each signal has room for a mark of its own. */
  readonly isSparse: boolean;
  /** The x of each signal, by its order. */
  readonly xs: readonly number[];
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
  /** Long waits that are drawn short. */
  readonly breaks: readonly { readonly from: number; readonly to: number; readonly label: string }[];
  /** Returns the x of a time. */
  xOf(time: number): number;
}

/** A moment at which each lane has one signal at most. */
interface Column {
  readonly at: number;
  readonly lanes: Set<unknown>;
}

/** More columns than this are too narrow for marks. */
const MAX_COLUMNS = 44;
/** The part of the width that is given to columns, however short the time between them is. */
const COLUMN_SHARE = 0.7;
const MAX_COLUMN_WIDTH = 64;
const MAX_BREAK_WIDTH = 40;
/** The part of the width that is given to breaks at most. With the columns, it leaves a rest for the time. */
const BREAK_SHARE = 0.25;
/** A wait is a break if it is longer than this many times the sum of the shorter ones. */
const BREAK_FACTOR = 20;
const MIN_TICK_DISTANCE = 64;

/**
 * Makes a scale of time. It is linear but for two things: signals of one moment stand beside each other while there is room, and a
 * long wait is a break.
 */
export function timeScale({ signals, end }: Scene, left: number, width: number, until: number): TimeScale {
  const columns: Column[] = [{ at: 0, lanes: new Set() }];
  const columnOf = signals.map(({ lane, signal }) => {
    const last = columns.at(-1);
    if (last?.at !== signal.at || last.lanes.has(lane)) columns.push({ at: signal.at, lanes: new Set([lane]) });
    else last.lanes.add(lane);
    return columns.length - 1;
  });
  if (until > end) columns.push({ at: until, lanes: new Set() });
  const gaps = columns.slice(1).map(({ at }, index) => at - (columns[index]?.at ?? 0));
  const long = longGap(gaps);
  const isSparse = columns.length <= MAX_COLUMNS;
  const step = isSparse ? Math.min(MAX_COLUMN_WIDTH, (width * COLUMN_SHARE) / columns.length) : 0;
  const linear = gaps.reduce((sum, gap) => sum + (gap < long ? gap : 0), 0);
  const broken = gaps.filter((gap) => gap >= long).length;
  const breakWidth = Math.min(MAX_BREAK_WIDTH, (width * BREAK_SHARE) / broken);
  // The last column needs room for its mark, too.
  const scale = linear > 0 ? Math.max(0, width - step - broken * breakWidth - step * gaps.length) / linear : 0;
  const positions = [left];
  for (const gap of gaps) positions.push((positions.at(-1) ?? left) + step + (gap < long ? gap * scale : breakWidth));
  const xOf = (time: number): number => interpolate(columns, positions, time);
  const breaks = gaps.flatMap((gap, index) => {
    const to = positions[index + 1] ?? left;
    return gap < long ? [] : [{ from: to - breakWidth, to, label: formatTime(gap) }];
  });
  return { isSparse, xs: columnOf.map((index) => positions[index] ?? left), breaks, xOf, ticks: ticksOf(columns, linear, long, xOf) };
}

/** Returns the length from which a wait is a break. */
function longGap(gaps: readonly number[]): number {
  let sum = 0;
  for (const gap of [...gaps].sort((a, b) => a - b)) {
    if (sum > 0 && gap > BREAK_FACTOR * sum) return gap;
    sum += gap;
  }
  return Infinity;
}

/** Returns the x of a time: that of the first column of this time, or between two columns. */
function interpolate(columns: readonly Column[], positions: readonly number[], time: number): number {
  let [low, high] = [0, columns.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((columns[middle]?.at ?? 0) >= time) high = middle;
    else low = middle + 1;
  }
  const [x = 0, before = x] = [positions[low], positions[low - 1]];
  const [to = 0, from = to] = [columns[low]?.at, columns[low - 1]?.at];
  return to > from && time < to ? before + ((x - before) * (time - from)) / (to - from) : x;
}

/** Round times, far enough from each other, and none in a break. */
function ticksOf(columns: readonly Column[], linear: number, long: number, xOf: TimeScale['xOf']): TimeScale['ticks'] {
  const step = roundUp(linear / 10);
  const ticks: { x: number; label: string }[] = [];
  const end = columns.at(-1)?.at ?? 0;
  const add = (time: number): void => {
    const x = xOf(time);
    if (x - (ticks.at(-1)?.x ?? -Infinity) >= MIN_TICK_DISTANCE) ticks.push({ x, label: labelOf(time, end, step) });
  };
  add(0);
  for (let index = 1; step > 0 && index < columns.length; index += 1) {
    const [from = 0, to = 0] = [columns[index - 1]?.at, columns[index]?.at];
    if (to - from >= long) add(to);
    else for (let time = Math.ceil(from / step) * step; time <= to; time += step) add(time);
  }
  return ticks;
}

/** Rounds up to 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((each) => each * power >= value) ?? 10);
}

/** Labels of one axis have one unit, and as many decimals as their distance needs. */
function labelOf(time: number, end: number, step: number): string {
  const [unit, name] = end < 2000 || step < 100 ? [1, 'ms'] : [1000, 's'];
  const decimals = step > 0 ? Math.max(0, Math.ceil(-Math.log10(step / unit))) : 2;
  return `${Number((time / unit).toFixed(Math.min(decimals, 3)))} ${name}`;
}
