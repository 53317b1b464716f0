/**
 * Compares the CPU per unit of a few rows with figures kept in the repository, and prints what rose. It never fails.
 *
 *   npm run bench:cost [-- --update]
 *
 * A figure is our CPU per unit divided by that of the other program in the same run, so it hardly depends on the machine. It does
 * depend on the major version of Node, so the file has a set of figures for each. `--update` writes those of this Node.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { Crews } from './crew.ts';
import { busy, measure, type Pair, type Plan } from './measure.ts';
import type { Row } from './row.ts';
import { rows } from './rows/index.ts';
import { median } from './stats.ts';

const ROWS = ['receive-64k', 'small-writes', 'connect-echo-close-100', 'accepted-100', 'tls-receive-64k'];
/** A rise that counts. Equal code has varied by 15 % on a busy machine. */
const TOLERANCE = 0.25;
/** A row that rose is measured again: it rose only if it did so each time. */
const ROUNDS = 3;
/** Seconds for all rows. On a busy machine, rows that start late are shortened, and nothing is measured again afterwards. */
const BUDGET = 45;
const PLAN: Plan = { runs: 6, runsPerProcess: 3, seconds: 0.15, warmUp: 0.4, held: 0, keepProcesses: false };
const FILE = new URL('./cost.json', import.meta.url);

type Figures = Readonly<Record<string, number>>;

const { values: options } = parseArgs({ options: { update: { type: 'boolean', default: false } } });
const major = process.versions.node.split('.')[0] ?? '';
const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Readonly<Record<string, Figures>>;
const before = kept[major] ?? {};
const crews = new Crews({ file: await bundle(fileURLToPath(new URL('./child.ts', import.meta.url))) });

const now: Record<string, number> = {};

async function costOf(row: Row): Promise<number> {
  const isLate = performance.now() > (BUDGET * 1e3 * Object.keys(now).length) / ROWS.length + 5_000;
  const pairs = await measure(row, isLate ? { ...PLAN, runs: PLAN.runsPerProcess } : PLAN, crews);
  return median(pairs.map(([ours, theirs]: Pair) => busy(ours) / ours.units / (busy(theirs) / theirs.units)));
}

function hasRisen(name: string, cost: number): boolean {
  const reference = before[name];
  return reference !== undefined && cost > reference * (1 + TOLERANCE);
}

async function lowestCost(row: Row): Promise<number> {
  let cost = Infinity;
  for (let round = 0; round < ROUNDS && (round === 0 || (hasRisen(row.name, cost) && performance.now() < BUDGET * 1e3)); round += 1)
    cost = Math.min(cost, await costOf(row));
  return cost;
}

console.log(
  `our CPU per unit to that of the other program, Node ${process.versions.node}; a rise of more than ${TOLERANCE * 100} % counts`,
);
for (const row of rows.filter(({ name }) => ROWS.includes(name))) {
  try {
    const cost = await lowestCost(row);
    now[row.name] = Number(cost.toFixed(2));
    const reference = before[row.name];
    const change = reference === undefined ? 'no figure kept' : `${reference.toFixed(2)} before`;
    console.log(`${hasRisen(row.name, cost) ? 'ROSE' : '    '}  ${row.name.padEnd(24)} ${cost.toFixed(2)}  (${change})`);
  } catch (error) {
    console.log(`      ${row.name.padEnd(24)} not measured: ${error instanceof Error ? error.message : String(error)}`);
  }
}
await crews.dismiss();
if (options.update) writeFileSync(FILE, `${JSON.stringify({ ...kept, [major]: { ...before, ...now } }, undefined, 2)}\n`);
console.log(`${(performance.now() / 1e3).toFixed(0)} s${options.update ? ', figures written' : ''}`);
