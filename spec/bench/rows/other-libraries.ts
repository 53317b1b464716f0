import { execFile, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Clock } from '../clock.ts';
import { perSecond, type Outcome, type Program, type Row } from '../row.ts';
import { churning, oneOfOurs } from './connect-echo-close.ts';

const effect: Program = {
  name: 'Effect',
  run: async (job) => {
    // Only this process loads it: it makes the heap larger.
    const { echoAll } = await import('./effect-echo.js');
    const clock = new Clock();
    await echoAll(job);
    return clock.stop(job.units);
  },
};

const SCRIPT = fileURLToPath(new URL('./connect-echo-close.pl', import.meta.url));

/** The script measures itself: CPU as a whole, which counts as user. */
const perl: Program = {
  name: 'IO::Stream of Perl',
  run: async ({ port, units, chunk, connections }) => {
    const { stdout } = await promisify(execFile)('perl', [SCRIPT, ...[port, units, connections, chunk].map(String)]);
    const [seconds = NaN, user = NaN] = stdout.split(' ').map(Number);
    return { units, seconds, user, system: 0, faults: 0 } satisfies Outcome;
  },
};

function effectMissing(node: number): string | undefined {
  if (node < 22) return 'Effect needs Node 22 or newer';
  try {
    createRequire(import.meta.url).resolve('effect');
    return undefined;
  } catch {
    return 'effect is not installed';
  }
}

function perlMissing(): string | undefined {
  return spawnSync('perl', ['-MIO::Stream', '-e1']).status === 0 ? undefined : 'IO::Stream of Perl is not installed';
}

function row(theirs: Program, name: string, connections: number, missing: (node: number) => string | undefined): Row {
  return {
    name: `${name}-${connections}`,
    title: `connect–echo–close, ${connections} at a time, against ${theirs.name}`,
    programs: [churning('ours', oneOfOurs), theirs],
    peer: 'echo',
    work: { connections, chunk: 64 },
    start: 1_000,
    unit: { name: 'conn', size: 1 },
    figures: [perSecond('conn', 1, undefined)],
    missing,
  };
}

export const otherLibraries: readonly Row[] = [
  row(effect, 'effect', 1, effectMissing),
  row(effect, 'effect', 100, effectMissing),
  row(perl, 'perl', 1, perlMissing),
  row(perl, 'perl', 100, perlMissing),
];
