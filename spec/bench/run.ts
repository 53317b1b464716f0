/**
 * Measures the built package, each row against plain `node:net` (or what the row names) in the same run.
 *
 *   npm run bench -- [--quick] [--row NAME]… [--node PATH] [--json FILE|-]
 *                    [--write FILE.md] [--write-summary FILE.md]
 *                    [--runs N] [--memory as-is|tuned|both] [--cpu-prof DIR]
 *
 * - `--quick` takes a minute and shows that every row works; a full run takes ten.
 * - `--node` is the Node of the measured processes. Those are bare: no loader, one bundled file, and the package.
 * - `--write` replaces the table between the markers `bench:begin` and `bench:end` of a Markdown file; `--write-summary` does so with
 *   a few lines of it, for the README.
 *
 * Figures are reported, not enforced: the exit code is 1 if a row crashed, not if it is below its target.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { Crews } from './crew.ts';
import { linesOf, type Line } from './line.ts';
import { measure, type Plan } from './measure.ts';
import { TUNED } from './processes.ts';
import type { Row } from './row.ts';
import { rows } from './rows/index.ts';
import { summaryTable } from './summary.ts';
import { LEGEND, markdownTable, textTable } from './table.ts';
import { checkMarkers, writeBetweenMarkers } from './write-table.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    row: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', default: process.execPath },
    write: { type: 'string' },
    'write-summary': { type: 'string' },
    json: { type: 'string' },
    runs: { type: 'string' },
    memory: { type: 'string', default: 'as-is' },
    'cpu-prof': { type: 'string' },
  },
});

const FULL: Plan = { runs: 6, runsPerProcess: 3, seconds: 0.25, warmUp: 0.6, held: 5_000, keepProcesses: false };
const QUICK: Plan = { runs: 1, runsPerProcess: 1, seconds: 0.05, warmUp: 0, share: 0.25, held: 200, keepProcesses: true };
/** Seconds for all rows. On a slow or busy machine, rows that start late are shortened. */
const BUDGET = options.quick ? 50 : 540;
/** Runs of a row of memory: its values hardly vary, and each sample takes a pair of processes. */
const FRESH_RUNS = 2;

const wanted = options.row.length === 0 ? rows : rows.filter(({ name }) => options.row.some((each) => name.includes(each)));
if (wanted.length === 0)
  throw new Error(
    `expected --row to name one of ${rows.map(({ name }) => name).join(', ')}; a part of a name selects all rows that contain it`,
  );
const runs = options.runs === undefined ? undefined : Number(options.runs);
if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
  throw new Error(`expected --runs to be a number from 1, got ${options.runs}`);
const plan: Plan = { ...(options.quick ? QUICK : FULL), ...(runs === undefined ? {} : { runs }) };
const { memory } = options;
if (!['as-is', 'tuned', 'both'].includes(memory)) throw new Error(`expected --memory to be as-is, tuned or both, got ${memory}`);
const { write, 'write-summary': summary } = options;
for (const page of [write, summary]) if (page !== undefined) checkMarkers(page);
/** Prints to stderr if stdout is for `--json -`. */
const print = options.json === '-' ? console.error : console.log;

const startedAt = performance.now();
const nodeVersion = execFileSync(options.node, ['--version'], { encoding: 'utf8' }).trim();
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${nodeVersion.slice(1)}`;
const kind = options.quick ? 'quick run: it shows that every row works, but it is too short for its figures' : 'full run';
print(`rxjs-io-stream: ${machine}\n${kind}\n`);

function variants({ memory: matters = true }: Row): readonly boolean[] {
  if (!matters) return [false];
  return memory === 'both' ? [false, true] : [memory === 'tuned'];
}

function planFor(row: Row, done: number): Plan {
  const late = performance.now() - startedAt > BUDGET * 1e3 * done;
  if (row.fresh) return { ...plan, runs: options.quick || late ? 1 : Math.min(plan.runs, FRESH_RUNS) };
  if (!late || options.quick || options.runs !== undefined) return plan;
  return { ...plan, runs: Math.min(plan.runs, plan.runsPerProcess) };
}

const file = await bundle(fileURLToPath(new URL('./child.ts', import.meta.url)));
/** One crew of processes for each setting of memory. */
const crews = [false, true].map((tuned) => new Crews({ file, node: options.node, tuned }, options['cpu-prof']));
const lines: Line[] = [];
const failed: { readonly row: string; readonly tuned: boolean; readonly reason: string }[] = [];
const skipped: string[] = [];
const report: object[] = [];

async function measureRow(row: Row, tuned: boolean): Promise<void> {
  try {
    const pairs = await measure(row, planFor(row, wanted.indexOf(row) / wanted.length), crews[Number(tuned)]!);
    const made = linesOf(row, tuned, pairs);
    lines.push(...made);
    report.push({ row: row.name, tuned, lines: made, pairs });
    for (const { title, comparison, cpuRatio } of made)
      process.stderr.write(
        `  ${title}${tuned ? ', memory tuned' : ''}: ${comparison.median.toFixed(3)} (CPU ${cpuRatio.median.toFixed(3)})\n`,
      );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    failed.push({ row: row.name, tuned, reason });
    process.stderr.write(`  ${row.title}: FAILED: ${reason}\n`);
  }
}

for (const row of wanted) {
  const reason = row.missing?.(Number.parseInt(nodeVersion.slice(1), 10));
  if (reason !== undefined) skipped.push(`${row.title} (${reason})`);
  else for (const tuned of variants(row)) await measureRow(row, tuned);
}
await Promise.all(crews.map((each) => each.dismiss()));

const seconds = (performance.now() - startedAt) / 1e3;
const missed = lines.filter(({ verdict }) => verdict === 'below').length;
print(`\n${textTable(lines)}\n`);
for (const { row, tuned, reason } of failed) print(`FAILED ${row} (memory ${tuned ? 'tuned' : 'as is'}): ${reason}`);
for (const each of skipped) print(`skipped: ${each}`);
print(
  `${lines.length} lines, ${missed} below target, ${skipped.length} rows skipped, ${failed.length} rows failed, ${seconds.toFixed(0)} s` +
    (options.quick ? ' (quick run)' : ''),
);

if (options.json !== undefined) {
  const json = JSON.stringify(
    { quick: options.quick, machine, node: nodeVersion, plan, tuned: TUNED, rows: report, skipped, failed },
    undefined,
    2,
  );
  if (options.json === '-') process.stdout.write(`${json}\n`);
  else writeFileSync(options.json, `${json}\n`);
}
const head = `${machine}, ${new Date().toISOString().slice(0, 10)}${options.quick ? ' (quick run: too short for its figures)' : ''}:`;
if (summary !== undefined) writeBetweenMarkers(summary, [head, summaryTable(lines)].join('\n\n'));
if (write !== undefined) {
  const absent = [...skipped.map((each) => `Skipped: ${each}.`), ...failed.map(({ row }) => `Failed: ${row}.`)];
  writeBetweenMarkers(write, [head, markdownTable(lines), ...LEGEND, ...absent].join('\n\n'));
}
process.exitCode = failed.length > 0 ? 1 : 0;
