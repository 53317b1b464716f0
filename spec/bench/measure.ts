import type { Crews } from './crew.ts';
import { MIB, type Outcome, type Row } from './row.ts';

export interface Plan {
  /** Number of pairs of runs: A B A B … */
  readonly runs: number;
  /** Number of pairs in the same processes. With new processes, one unlucky compilation does not decide. */
  readonly runsPerProcess: number;
  /** Seconds of CPU that one run should take. */
  readonly seconds: number;
  /** Seconds of CPU that each program uses to be compiled, before the clock starts. With 0, the first run counts. */
  readonly warmUp: number;
  /** The first run, as a part of the row's `start`. @default 1 */
  readonly share?: number;
  /** Number of connections in the rows that hold them. */
  readonly held: number;
  /** Whether one pair of processes runs all rows: faster, but the compilations of one row serve the next. */
  readonly keepProcesses: boolean;
}

/** Both programs' outcomes, run by run. */
export type Pair = readonly [ours: Outcome, theirs: Outcome];

export async function measure(row: Row, plan: Plan, crews: Crews): Promise<Pair[]> {
  const pairs: Pair[] = [];
  let units = row.fresh ? plan.held : wholeSteps(row, row.start * (plan.share ?? 1));
  while (pairs.length < plan.runs) {
    const crew = await crews.take(row);
    try {
      const run = (side: 0 | 1): Promise<Outcome> => crew.run(row, side, units);
      if (!row.fresh && plan.warmUp > 0) units = await warmUp(row, plan, units, run);
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
  return wholeSteps(row, (known * seconds) / busy(theirs));
}

/** Rounds to what the connections of a row can share in whole chunks. */
function wholeSteps({ work, unit }: Row, units: number): number {
  const step = work.connections * (unit.size === MIB ? work.chunk : 1);
  return Math.max(1, Math.round(units / step)) * step;
}

/** Seconds of CPU, user and system. */
export function busy({ user, system }: Outcome): number {
  return user + system;
}
