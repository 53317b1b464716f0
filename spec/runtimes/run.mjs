// Checks the built package in the runtime that runs this file: Node, Bun or Deno. Prints a line for each check:
//
//   holds     as in Node
//   refused   the package refuses it in this runtime, by an error with the reason
//   cannot    the runtime cannot, see known-limits.mjs
//   skipped   this build of the package does not have what the check needs
//   n/a       concerns another runtime or platform
//   FAILED    anything else, also if known-limits.mjs lists a check that holds
//
//   node spec/runtimes/run.mjs [--json FILE] [--only TEXT]      the same with `bun` and with `deno run --allow-all`
import { appendFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { limitOf } from './known-limits.mjs';
import { NotApplicable, Skipped } from './support.mjs';

// The testing kit is first: it watches the global timers, and connections that others have left may still have some.
const GROUPS = [
  'testing-kit',
  'streams',
  'servers',
  'tls-trust',
  'tls',
  'proxies',
  'node-apis',
  'handles',
  'messages',
  'flow',
  'life',
  'web-streams',
  'web-sockets',
];

/** Milliseconds for one check. The longest takes one second where nothing else runs. */
const TIMEOUT = 30_000;

const { bun, deno, node } = process.versions;
const [runtime, version] = bun !== undefined ? ['Bun', bun] : deno !== undefined ? ['Deno', deno] : ['Node', node];

const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
const [json, only = ''] = [option('--json'), option('--only')];

/** Errors that nothing handled while no check was running. */
const strays = [];
const onStray = (error) => strays.push(String(error?.stack ?? error));
let onUnhandled = onStray;
process.on('uncaughtException', (error) => onUnhandled(error));
process.on('unhandledRejection', (error) => onUnhandled(error));

/** Runs a check, and what it has deferred. Rejects if it fails, takes too long, or leaves an error unhandled. */
async function run(work) {
  const deferred = [];
  let timer;
  const failing = new Promise((_, reject) => {
    onUnhandled = (error) => reject(new Error(`unhandled: ${error?.stack ?? error}`));
    timer = setTimeout(() => reject(new Error(`no end within ${TIMEOUT / 1000} s`)), TIMEOUT);
  });
  try {
    await Promise.race([work({ defer: (free) => deferred.push(free) }), failing]);
  } finally {
    clearTimeout(timer);
    for (const free of deferred.reverse()) await free();
    onUnhandled = onStray;
  }
}

/** Runs a check, and compares what came with what is known of this runtime. */
async function outcomeOf(check, work) {
  const limit = limitOf(runtime, version, check);
  const known = 'spec/runtimes/known-limits.mjs';
  try {
    await run(work);
  } catch (error) {
    const text = error?.message ?? String(error);
    if (error instanceof NotApplicable) return ['n/a', text];
    if (error instanceof Skipped) return ['skipped', text];
    const got = / cannot run on /.test(text) ? 'refused' : 'cannot';
    if (limit?.outcome !== got) {
      const expected = limit === undefined ? 'to hold' : `'${limit.outcome}'`;
      const advice = got === 'refused' ? `; if the package is right to refuse it, list it in ${known}` : '';
      return ['FAILED', `expected ${expected}${advice}, got ${error?.code ?? ''} ${error?.stack ?? text}`];
    }
    if (got === 'refused') return ['refused', text];
    return limit.error.test(text)
      ? ['cannot', limit.why]
      : ['FAILED', `expected an error like ${limit.error}, got ${error?.stack ?? text}`];
  }
  return limit ? ['FAILED', `holds, but ${known} lists it as '${limit.outcome}': remove it there`] : ['holds', ''];
}

const log = (line) => json !== undefined && appendFileSync(json, `${JSON.stringify(line)}\n`);
if (json !== undefined) writeFileSync(json, '');
console.log(`${runtime} ${version}`);
const counts = {};
for (const file of GROUPS) {
  const { name: group, checks } = await import(`./checks/${file}.mjs`);
  for (const [name, work] of Object.entries(checks)) {
    const check = `${group} › ${name}`;
    if (!check.includes(only)) continue;
    log({ started: check });
    const start = performance.now();
    const [outcome, why] = await outcomeOf(check, work);
    const ms = Math.round(performance.now() - start);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    console.log(`${outcome.padEnd(8)}  ${String(ms).padStart(5)} ms  ${check}${why && `: ${why}`}`);
    log({ group, name, outcome, why });
  }
}
for (const stray of strays) console.log(`FAILED    an error between two checks that nothing handled: ${stray}`);
const { user, system } = process.cpuUsage();
const cpu = (user + system) / 1e6;
log({ runtime, version, cpu, strays });
const summary = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
console.log(`${runtime} ${version}: ${summary.join(', ')}; ${cpu.toFixed(1)} s of CPU`);
process.exit(counts.FAILED === undefined && strays.length === 0 && Object.keys(counts).length > 0 ? 0 : 1);
