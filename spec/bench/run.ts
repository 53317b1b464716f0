/**
 * Measures the package as it is built, each row against plain `node:net` (or whom the row names) in the same run.
 *
 *   npm run bench -- [--quick] [--json FILE|-] [--row NAME]… [--runs N] [--memory as-is|tuned|both] [--cpu-prof DIR]
 *
 * Figures are reported, not enforced: the exit code is 1 when a row crashed, not when it missed its figure.
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

const { values: given } = parseArgs({
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
/** Seconds for all rows. On a slow or busy machine a row that begins behind its time is cut short. */
const BUDGET = given.quick ? 45 : 400;
/** Memory hardly spreads, and each sample is a pair of processes. */
const FRESH_RUNS = 3;

const wanted = given.row.length === 0 ? rows : rows.filter(({ name }) => given.row.some((each) => name.includes(each)));
if (wanted.length === 0)
  throw new Error(`expected --row to name one of ${rows.map(({ name }) => name).join(', ')}; a part of a name takes all that hold it`);
const runs = given.runs === undefined ? undefined : Number(given.runs);
if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
  throw new Error(`expected --runs to be a number from 1, got ${given.runs}`);
const plan: Plan = { ...(given.quick ? QUICK : FULL), ...(runs === undefined ? {} : { runs }) };
const memory = given.memory ?? (given.quick ? 'as-is' : 'both');
if (!['as-is', 'tuned', 'both'].includes(memory)) throw new Error(`expected --memory to be as-is, tuned or both, got ${memory}`);
/** With `--json -` the table makes room. */
const tell = given.json === '-' ? console.error : console.log;

function variants({ memory: matters = true }: Row): readonly boolean[] {
  if (!matters) return [false];
  return memory === 'both' ? [false, true] : [memory === 'tuned'];
}

const lines: Line[] = [];
const failed: { readonly row: string; readonly tuned: boolean; readonly reason: string }[] = [];
const report: object[] = [];
const startedAt = performance.now();
const kind = given.quick ? 'smoke run: it shows that every row works, its figures are too short to be trusted' : 'full run';
tell(`rxjs-io-stream against node:net, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}\n${kind}\n`);

function planFor(row: Row, done: number): Plan {
  const late = performance.now() - startedAt > BUDGET * 1e3 * done;
  if (row.fresh) return { ...plan, runs: given.quick || late ? 1 : Math.min(plan.runs, FRESH_RUNS) };
  if (!late || given.runs !== undefined) return plan;
  return given.quick ? { ...plan, runs: 1, warmUp: 0 } : { ...plan, runs: Math.min(plan.runs, plan.runsPerProcess) };
}

/** One crew for each way of memory. */
const crews = [false, true].map((tuned) => new Crews(tuned, given['cpu-prof']));

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
tell(`\n${table(lines)}\n`);
tell('ratio: ours to the other, more is better; CPU: the same in units per second of CPU, user and system');
tell(
  `memory tuned: ${Object.entries(TUNED.env)
    .map((pair) => pair.join('='))
    .join(' ')} node ${TUNED.flags.join(' ')}`,
);
for (const { row, tuned, reason } of failed) tell(`FAILED ${row} (memory ${tuned ? 'tuned' : 'as is'}): ${reason}`);
tell(
  `${lines.length} lines, ${missed} below what is asked, ${failed.length} rows failed, ${seconds.toFixed(0)} s${given.quick ? ' (smoke run)' : ''}`,
);

if (given.json !== undefined) {
  const json = JSON.stringify(
    { quick: given.quick, node: process.version, cpus: cpus().map(({ model }) => model), plan, tuned: TUNED, rows: report, failed },
    undefined,
    2,
  );
  if (given.json === '-') process.stdout.write(`${json}\n`);
  else writeFileSync(given.json, `${json}\n`);
}
process.exitCode = failed.length > 0 ? 1 : 0;
