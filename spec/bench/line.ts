import { busy, type Pair } from './measure.ts';
import type { Figure, Judge, Outcome, Row } from './row.ts';
import { median, spread, type Spread } from './stats.ts';

/** A line of the table: one figure of a row, from all its runs. */
export interface Line {
  readonly title: string;
  readonly tuned: boolean;
  readonly figure: Figure;
  readonly names: readonly [ours: string, theirs: string];
  readonly comparison: Spread;
  /** Ours to theirs in units per second of CPU, user and system: less sensitive to the load of the machine. */
  readonly cpuRatio: Spread;
  readonly values: readonly [ours: number, theirs: number];
  /** Microseconds of CPU per unit. */
  readonly cpu: readonly [ours: number, theirs: number];
  readonly unit: string;
  /** What the verdict is based on. */
  readonly judgedBy: 'wall clock' | 'CPU' | 'wall clock and CPU' | 'value';
  readonly verdict: 'ok' | 'below' | '';
}

/** The spread of the ratios, (max − min) / median, above which the wall clock decides nothing. */
export const MAX_SPREAD = 0.1;

/** Returns the lines of the table for the outcomes of a row. */
export function linesOf(row: Row, tuned: boolean, pairs: readonly Pair[]): Line[] {
  const column = (pick: (outcome: Outcome) => number): [number, number] => [
    median(pairs.map(([ours]) => pick(ours))),
    median(pairs.map(([, theirs]) => pick(theirs))),
  ];
  return row.figures.map((figure) => {
    const comparison = spread(pairs.map((pair) => compare(figure, pair)));
    const cpuRatio = spread(pairs.map(([ours, theirs]) => (cost(theirs) / cost(ours)) ** (1 / (figure.steps ?? 1))));
    const judgedBy = judgeOf(figure, comparison);
    return {
      title: figure.title ?? row.title,
      tuned,
      figure,
      names: [row.programs[0].name, row.programs[1].name],
      comparison,
      cpuRatio,
      values: column(figure.value),
      cpu: column((outcome) => cost(outcome) * row.unit.size * 1e6),
      unit: row.unit.name,
      judgedBy,
      verdict: verdict(figure, reached(judgedBy, comparison.median, cpuRatio.median)),
    };
  });
}

function cost(outcome: Outcome): number {
  return busy(outcome) / outcome.units;
}

function compare({ value, compare: by, better, steps = 1 }: Figure, [ours, theirs]: Pair): number {
  if (by === 'absolute') return value(ours);
  if (by === 'added') return (value(ours) - value(theirs)) / steps;
  const ratio = better === 'more' ? value(ours) / value(theirs) : value(theirs) / value(ours);
  return ratio ** (1 / steps);
}

function judgeOf({ compare: by, judge = 'rate' }: Figure, { median: middle, min, max }: Spread): Line['judgedBy'] {
  if (by !== 'ratio' || judge === 'value') return 'value';
  if (judge === 'cpu' || (max - min) / middle > MAX_SPREAD) return 'CPU';
  return ({ rate: 'wall clock', both: 'wall clock and CPU' } satisfies Record<Exclude<Judge, 'cpu' | 'value'>, Line['judgedBy']>)[judge];
}

function reached(by: Line['judgedBy'], value: number, cpuRatio: number): number {
  if (by === 'CPU') return cpuRatio;
  return by === 'wall clock and CPU' ? Math.min(value, cpuRatio) : value;
}

function verdict({ asked, compare: by }: Figure, value: number): Line['verdict'] {
  if (asked === undefined) return '';
  return (by === 'ratio' ? value >= asked : value <= asked) ? 'ok' : 'below';
}
