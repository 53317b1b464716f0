import type { Crews } from './crew.ts';
import { MIB, type Figure, type Outcome, type Row } from './row.ts';
import { median, spread, type Spread } from './stats.ts';

export interface Plan {
  /** Number of pairs of runs: A B A B … */
  readonly runs: number;
  /** Number of pairs in the same processes. With new processes, one unlucky compilation does not decide. */
  readonly runsPerProcess: number;
  /** Seconds of CPU that one run should take. */
  readonly seconds: number;
  /** Seconds of CPU that each program uses to be compiled, before the clock starts. */
  readonly warmUp: number;
  /** Number of connections in the rows that hold them. */
  readonly held: number;
  /** Whether one pair of processes runs all rows: faster, but the compilations of one row serve the next. */
  readonly keepProcesses: boolean;
}

/** Both programs' outcomes, run by run. */
export type Pair = readonly [ours: Outcome, theirs: Outcome];

export interface Line {
  readonly title: string;
  readonly tuned: boolean;
  readonly figure: Figure;
  readonly names: readonly [string, string];
  readonly comparison: Spread;
  /** Ours to theirs in units per second of CPU, user and system: less sensitive to the load of the machine. */
  readonly cpuRatio: number;
  readonly values: readonly [ours: number, theirs: number];
  readonly faults: readonly [ours: number, theirs: number];
  readonly perUserSecond: readonly [ours: number, theirs: number];
  readonly unit: string;
  readonly verdict: 'ok' | 'below' | '';
}

export async function measure(row: Row, plan: Plan, crews: Crews): Promise<Pair[]> {
  const pairs: Pair[] = [];
  let units = row.fresh ? plan.held : row.start;
  while (pairs.length < plan.runs) {
    const crew = await crews.take(row);
    try {
      const run = (side: 0 | 1): Promise<Outcome> => crew.run(row, side, units);
      if (!row.fresh) units = await warmUp(row, plan, units, run);
      const runs = row.fresh ? 1 : Math.min(plan.runsPerProcess, plan.runs - pairs.length);
      for (let i = 0; i < runs; i += 1) pairs.push([await run(0), await run(1)]);
    } catch (error) {
      await crews.dismiss();
      throw error;
    }
    if (row.fresh || !plan.keepProcesses) await crews.dismiss();
  }
  return pairs;
}

/**
 * Runs both programs until they are compiled. Returns the number of units that take theirs the planned time. Time is CPU time here:
 * on a busy machine, the wall clock runs while nothing is compiled.
 */
async function warmUp(row: Row, { seconds, warmUp: least }: Plan, known: number, run: (side: 0 | 1) => Promise<Outcome>): Promise<number> {
  let theirs: Outcome;
  let oursHot = 0;
  let theirsHot = 0;
  do {
    const ours = await run(0);
    theirs = await run(1);
    oursHot += busy(ours);
    theirsHot += busy(theirs);
  } while (Math.min(oursHot, theirsHot) < least * (row.warmUp ?? 1));
  if (known !== row.start) return known;
  const step = row.work.connections * (row.unit.size === MIB ? row.work.chunk : 1);
  return Math.max(1, Math.round((known * seconds) / busy(theirs) / step)) * step;
}

/** Returns the lines of the table for the outcomes of a row. */
export function linesOf(row: Row, tuned: boolean, pairs: readonly Pair[]): Line[] {
  const column = (pick: (outcome: Outcome) => number): [number, number] => [
    median(pairs.map(([ours]) => pick(ours))),
    median(pairs.map(([, theirs]) => pick(theirs))),
  ];
  const perUserSecond = column(({ units, user }) => units / row.unit.size / user);
  return row.figures.map((figure) => {
    const comparison = spread(pairs.map((pair) => compare(figure, pair)));
    return {
      title: figure.title ?? row.title,
      tuned,
      figure,
      names: [row.programs[0].name, row.programs[1].name],
      comparison,
      cpuRatio: median(pairs.map(([ours, theirs]) => cost(theirs) / cost(ours))),
      values: column(figure.value),
      faults: column(({ faults }) => faults),
      perUserSecond,
      unit: row.unit.name,
      verdict: verdict(figure, comparison.median),
    };
  });
}

function busy({ user, system }: Outcome): number {
  return user + system;
}

function cost(outcome: Outcome): number {
  return busy(outcome) / outcome.units;
}

function compare({ value, compare: by, better, steps = 1 }: Figure, [ours, theirs]: Pair): number {
  if (by === 'absolute') return value(ours);
  if (by === 'added') return value(ours) - value(theirs);
  const ratio = better === 'more' ? value(ours) / value(theirs) : value(theirs) / value(ours);
  return ratio ** (1 / steps);
}

function verdict({ asked, compare: by }: Figure, reached: number): Line['verdict'] {
  if (asked === undefined) return '';
  return (by === 'ratio' ? reached >= asked : reached <= asked) ? 'ok' : 'below';
}
