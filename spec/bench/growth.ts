/**
 * Measures how the CPU time of the built package grows with the number of units, and fails if it grows faster than the number.
 *
 *   npm run bench:growth -- [--row NAME]… [--scale N]
 *
 * `--scale` multiplies all sizes.
 *
 * Garbage is collected by the main thread only, and in large steps: helper threads would count, at random. So would copies of objects
 * that live only because a collection came in the middle of a run.
 *
 * Prints the CPU time per unit at each size and the exponent: the slope of log(total CPU time) over log(number of units), by least
 * squares over the three largest sizes, or over the last two if that is lower. 1 is linear, 2 is quadratic. The exit code is 1 if an
 * exponent stays above the limit.
 */
import { parseArgs } from 'node:util';
import { growthRows } from './growth-rows.ts';
import type { GrowthRow } from './growth-tools.ts';

/** The highest exponent that counts as linear: larger heaps cost a little more per unit. */
const LIMIT = 1.1;
/** Each figure is the minimum of at least this many runs … */
const RUNS = 3;
/** … and of as many as this takes: seconds of CPU. Short runs vary more. */
const MIN_SECONDS = 0.4;
/** A row above the limit is measured again, so that noise does not fail it, and then with more units: what leaves a cache is linear there. */
const ROUNDS = [1, 1, 4];
/** Seconds of CPU after which a size has no further runs: what is quadratic must not take minutes. */
const MAX_SECONDS = 6;

const { values: options } = parseArgs({
  options: { row: { type: 'string', multiple: true, default: [] }, scale: { type: 'string', default: '1' } },
});
const scale = Number(options.scale);
if (!(scale > 0)) throw new Error(`expected --scale to be a positive number, got ${options.scale}`);

/** Returns the CPU seconds of one run, and of all its repeats. Small sizes are repeated, so that the clock resolves them. */
async function cpuSeconds({ run, sizes }: GrowthRow, size: number): Promise<readonly [one: number, all: number]> {
  const repeats = Math.max(1, Math.min(100, Math.floor(Math.max(...sizes) / size / 4)));
  globalThis.gc?.();
  const start = process.cpuUsage();
  for (let i = 0; i < repeats; i += 1) await run(size);
  const { user, system } = process.cpuUsage(start);
  const all = (user + system) / 1e6;
  return [all / repeats, all];
}

function exponent(points: readonly (readonly [size: number, seconds: number])[]): number {
  const logs = points.map(([size, seconds]) => [Math.log(size), Math.log(seconds)] as const);
  const x = logs.reduce((sum, [each]) => sum + each, 0) / logs.length;
  const y = logs.reduce((sum, [, each]) => sum + each, 0) / logs.length;
  return logs.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / logs.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

/** Returns the lowest CPU time of one run at each size. */
async function timesOf(row: GrowthRow, sizes: readonly number[]): Promise<Map<number, number>> {
  const seconds = new Map<number, number>();
  for (const size of sizes) {
    let spent = 0;
    for (let run = 0; (run < RUNS || spent < MIN_SECONDS) && spent < MAX_SECONDS; run += 1) {
      const [one, all] = await cpuSeconds(row, size);
      spent += all;
      seconds.set(size, Math.min(one, seconds.get(size) ?? Infinity));
    }
  }
  return seconds;
}

/** Measures a row and prints its line. Returns whether its growth is linear. */
async function measure(row: GrowthRow): Promise<boolean> {
  for (const size of row.sizes.slice(-3)) await row.run(size); // compiles it
  let slope = Infinity;
  let seconds = new Map<number, number>();
  for (const factor of ROUNDS) {
    seconds = await timesOf(
      row,
      row.sizes.map((size) => size * factor),
    );
    // Leaving a cache is one step, not growth: the last two sizes show it.
    slope = Math.min(exponent([...seconds].slice(-3)), exponent([...seconds].slice(-2)));
    if (slope <= LIMIT) break;
  }
  const cells = [...seconds].map(([size, taken]) => `${size}: ${((taken / size) * 1e6).toFixed(2)}`.padEnd(15));
  console.log(`${slope.toFixed(2)}${slope > LIMIT ? ' !' : '  '}  ${row.name.padEnd(64)}${cells.join(' ')}`);
  return slope <= LIMIT;
}

process.exitCode = 1; // Until all rows have finished: a row that hangs empties the event loop.
console.log(`CPU µs per unit, by number of units; node ${process.version}; exponents above ${LIMIT} fail`);
const chosen = growthRows
  .filter(({ name }) => options.row.length === 0 || options.row.some((part) => name.includes(part)))
  .map((row) => ({ ...row, sizes: row.sizes.map((size) => Math.max(1, Math.round(size * scale))) }));
const failed: string[] = [];
for (const row of chosen) if (!(await measure(row))) failed.push(row.name);
if (failed.length > 0) console.log(`grows faster than its number of units: ${failed.join(', ')}`);
process.exit(failed.length > 0 ? 1 : 0);
