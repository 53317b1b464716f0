/**
 * Measures the built package, each row against plain `node:net` (or what the row names) in the same run.
 *
 *   npm run bench -- [--quick] [--json FILE|-] [--row NAME]… [--runs N] [--memory as-is|tuned|both] [--cpu-prof DIR]
 *
 * Figures are reported, not enforced: the exit code is 1 if a row crashed, not if it is below its target.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Crews } from './crew.ts';
import { linesOf, measure, type Line, type Plan } from './measure.ts';
import { TUNED } from './processes.ts';
import type { Row } from './row.ts';
import { rows } from './rows/index.ts';
import { table } from './table.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    row: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string' },
    memory: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
});

const FULL: Plan = { runs: 6, runsPerProcess: 3, seconds: 0.25, warmUp: 0.6, held: 5_000, keepProcesses: false };
const QUICK: Plan = { runs: 3, runsPerProcess: 3, seconds: 0.05, warmUp: 0.05, held: 500, keepProcesses: true };
/** Seconds for all rows. On a slow or busy machine, rows that start late are shortened. */
const BUDGET = options.quick ? 45 : 400;
/** Runs of a row of memory: its values hardly vary, and each sample takes a pair of processes. */
const FRESH_RUNS = 3;

const wanted = options.row.length === 0 ? rows : rows.filter(({ name }) => options.row.some((each) => name.includes(each)));
if (wanted.length === 0)
  throw new Error(
    `expected --row to name one of ${rows.map(({ name }) => name).join(', ')}; a part of a name selects all rows that contain it`,
  );
const runs = options.runs === undefined ? undefined : Number(options.runs);
if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
  throw new Error(`expected --runs to be a number from 1, got ${options.runs}`);
const plan: Plan = { ...(options.quick ? QUICK : FULL), ...(runs === undefined ? {} : { runs }) };
const memory = options.memory ?? (options.quick ? 'as-is' : 'both');
if (!['as-is', 'tuned', 'both'].includes(memory)) throw new Error(`expected --memory to be as-is, tuned or both, got ${memory}`);
/** Prints to stderr if stdout is for `--json -`. */
const print = options.json === '-' ? console.error : console.log;

function variants({ memory: matters = true }: Row): readonly boolean[] {
  if (!matters) return [false];
  return memory === 'both' ? [false, true] : [memory === 'tuned'];
}

const lines: Line[] = [];
const failed: { readonly row: string; readonly tuned: boolean; readonly reason: string }[] = [];
const report: object[] = [];
const startedAt = performance.now();
const kind = options.quick ? 'smoke run: it shows that every row works, but it is too short for its figures' : 'full run';
print(`rxjs-io-stream against node:net, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}\n${kind}\n`);

function planFor(row: Row, done: number): Plan {
  const late = performance.now() - startedAt > BUDGET * 1e3 * done;
  if (row.fresh) return { ...plan, runs: options.quick || late ? 1 : Math.min(plan.runs, FRESH_RUNS) };
  if (!late || options.runs !== undefined) return plan;
  return options.quick ? { ...plan, runs: 1, warmUp: 0 } : { ...plan, runs: Math.min(plan.runs, plan.runsPerProcess) };
}

/** One crew of processes for each setting of memory. */
const crews = [false, true].map((tuned) => new Crews(tuned, options['cpu-prof']));

for (const row of wanted) {
  for (const tuned of variants(row)) {
    try {
      const pairs = await measure(row, planFor(row, wanted.indexOf(row) / wanted.length), crews[Number(tuned)]!);
      const made = linesOf(row, tuned, pairs);
      lines.push(...made);
      report.push({ row: row.name, tuned, lines: made, pairs });
      for (const { title, comparison } of made)
        process.stderr.write(`  ${title}, memory ${tuned ? 'tuned' : 'as is'}: ${comparison.median.toFixed(3)}\n`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failed.push({ row: row.name, tuned, reason });
      process.stderr.write(`  ${row.title}: FAILED: ${reason}\n`);
    }
  }
}
await Promise.all(crews.map((each) => each.dismiss()));

const seconds = (performance.now() - startedAt) / 1e3;
const missed = lines.filter(({ verdict }) => verdict === 'below').length;
print(`\n${table(lines)}\n`);
print('ratio: ours to the other, more is better; CPU: the same in units per second of CPU, user and system');
print(
  `memory tuned: ${Object.entries(TUNED.env)
    .map((pair) => pair.join('='))
    .join(' ')} node ${TUNED.flags.join(' ')}`,
);
for (const { row, tuned, reason } of failed) print(`FAILED ${row} (memory ${tuned ? 'tuned' : 'as is'}): ${reason}`);
print(
  `${lines.length} lines, ${missed} below target, ${failed.length} rows failed, ${seconds.toFixed(0)} s${options.quick ? ' (smoke run)' : ''}`,
);

if (options.json !== undefined) {
  const json = JSON.stringify(
    { quick: options.quick, node: process.version, cpus: cpus().map(({ model }) => model), plan, tuned: TUNED, rows: report, failed },
    undefined,
    2,
  );
  if (options.json === '-') process.stdout.write(`${json}\n`);
  else writeFileSync(options.json, `${json}\n`);
}
process.exitCode = failed.length > 0 ? 1 : 0;
