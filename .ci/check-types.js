// Packs the built library and uses it with the compilers, resolutions, types of Node, versions of RxJS and loaders that users have.
// Each row of the matrix compiles spec/types and the declarations of all packages (no skipLibCheck). The rows are a selection in which
// each two values meet: every compiler with every resolution, and every one of these with several versions of @types/node.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const COMPILERS = ['5.2', '5.6', '5.9', '6.0', '7.0'];
const NODES = ['20', '22', '24', '25', '26'];
const RXJS = ['7.8.0', '7.8.1', '7.8.2'];
const JEST = '30';
/** How a user's file is compiled: its ending says whether it is an ES module. */
const MODES = [
  { name: 'nodenext, ESM', file: 'mts', module: 'nodenext', moduleResolution: 'nodenext' },
  // Before 5.8, `nodenext` and a CommonJS file is the same as `node16`: `require` of ES modules was not known.
  { name: 'nodenext, CommonJS', file: 'cts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'node16, ESM', file: 'mts', module: 'node16', moduleResolution: 'node16' },
  { name: 'node16, CommonJS', file: 'cts', module: 'node16', moduleResolution: 'node16' },
  { name: 'bundler, ESM', file: 'ts', module: 'esnext', moduleResolution: 'bundler' },
  { name: 'bundler, CommonJS', file: 'cts', module: 'preserve', moduleResolution: 'bundler', since: 5.4 },
  { name: 'node10, CommonJS', file: 'ts', module: 'commonjs', moduleResolution: 'node10', until: 5.9 },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const temp = mkdtempSync(join(tmpdir(), `${name}-types-`));
const started = Date.now();
let failures = 0;

const report = (ok, what, detail = '') => {
  if (!ok) failures += 1;
  console.log(`${ok ? 'ok' : 'not ok'} - ${what}${detail && `\n${detail.trim().replace(/^/gm, '      ')}`}`);
};

/** An empty project with these packages. */
function project(folder, ...packages) {
  const path = join(temp, folder);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), '{ "private": true }');
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', ...packages];
  execFileSync('npm', install, { cwd: path, stdio: ['ignore', 'ignore', 'inherit'] });
  return path;
}

const run = (args, cwd) =>
  promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { cwd, timeout: 120_000 }).then(
    () => undefined,
    ({ stdout, stderr, message }) => `${stdout}${stderr}` || message,
  );

const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', temp];
const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }));
const tarball = join(temp, filename);

/** The lines that must compile and those that must not, as files with the ending of a mode; and a file that needs nothing of ours. */
function sources(path, mode) {
  const folder = `${mode.moduleResolution}-${mode.file}`;
  const files = readdirSync(join(root, 'spec/types')).filter((each) => each.endsWith('.types.ts'));
  mkdirSync(join(path, folder), { recursive: true });
  for (const file of files) writeFileSync(join(path, folder, file.replace(/ts$/, mode.file)), readFileSync(join(root, 'spec/types', file)));
  const alone = `import { EMPTY } from 'rxjs';\nimport { Socket } from 'node:net';\nexport const both: unknown[] = [EMPTY, Socket];\n`;
  writeFileSync(join(path, folder, `alone.${mode.file}`), alone);
  const compilerOptions = {
    ...{ module: mode.module, moduleResolution: mode.moduleResolution, target: 'es2022', lib: ['es2023'], types: ['node'] },
    ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false },
  };
  const config = (what, files) => {
    const config = join(path, folder, `${what}.json`);
    writeFileSync(config, JSON.stringify({ compilerOptions, files }));
    return config;
  };
  return {
    all: config(
      'all',
      files.map((file) => file.replace(/ts$/, mode.file)),
    ),
    alone: config('alone', [`alone.${mode.file}`]),
  };
}

async function compile({ compiler, node, mode }) {
  const what = `TypeScript ${compiler}, ${mode.name}, @types/node ${node}`;
  const path = join(temp, `node${node}`);
  const { all, alone } = sources(path, mode);
  const tsc = join(temp, 'compilers/node_modules', `typescript-${compiler}`, 'bin/tsc');
  const problem = await run([tsc, '-p', all], path);
  if (problem === undefined) report(true, what);
  // Whether the types of Node are for this compiler at all: without our package it fails the same way.
  else if ((await run([tsc, '-p', alone], path)) !== undefined) {
    console.log(`skipped - ${what}: @types/node ${node} does not compile`);
    if (node !== NODES[0]) await compile({ compiler, node: NODES[0], mode });
  } else report(false, what, problem.split('\n').slice(0, 12).join('\n'));
}

const SMOKE = `
  const echo = async ({ connect, framed, IOStream, lines, listen }, { firstValueFrom }) => {
    let serving;
    const { address } = await new Promise((resolve, reject) => {
      serving = listen({ host: '127.0.0.1', port: 0 }, (io) => io.send(io)).subscribe({ next: resolve, error: reject });
    });
    const reply = connect({ host: '127.0.0.1', port: address.port }, (io) => {
      if (!(io instanceof IOStream)) throw new Error('another IOStream');
      const { messages$, write } = framed(io, lines({ maxLength: 80 }));
      write('hello');
      return messages$;
    });
    const line = await firstValueFrom(reply);
    serving.unsubscribe();
    if (line !== 'hello') throw new Error('got ' + line);
  };`;

/** Runs an echo by \`import\`, by \`require\` and in jest, which loads the CommonJS build. */
async function smoke(rxjs) {
  const packages = rxjs === RXJS.at(-1) ? [`jest@${JEST}`] : [];
  const path = project(`rxjs-${rxjs}`, tarball, `rxjs@${rxjs}`, ...packages);
  writeFileSync(join(path, 'smoke.mjs'), `import * as io from '${name}'; import * as rx from 'rxjs';${SMOKE} await echo(io, rx);`);
  writeFileSync(join(path, 'smoke.cjs'), `const io = require('${name}'); const rx = require('rxjs');${SMOKE} echo(io, rx);`);
  const test = `const io = require('${name}'); const { marbles } = require('${name}/testing'); const rx = require('rxjs');${SMOKE}
    test('echo', () => echo(io, rx)); test('the testing kit', () => expect(typeof marbles).toBe('function'));
    test('one class of errors', () => expect(new io.IOStreamError('EPROTOCOL', { phase: 'read' })).toBeInstanceOf(io.IOStreamError));`;
  writeFileSync(join(path, 'smoke.test.js'), test);
  for (const file of ['smoke.mjs', 'smoke.cjs']) {
    const problem = await run([file], path);
    report(problem === undefined, `rxjs ${rxjs}, ${file.endsWith('mjs') ? 'import' : 'require'}`, problem);
  }
  if (packages.length === 0) return;
  const problem = await run(['node_modules/jest/bin/jest.js', '--ci', '--silent'], path);
  report(problem === undefined, `rxjs ${rxjs}, jest ${JEST} in CommonJS`, problem);
}

try {
  project('compilers', ...COMPILERS.map((version) => `typescript-${version}@npm:typescript@~${version}.0`));
  for (const node of NODES) project(`node${node}`, tarball, `rxjs@${RXJS.at(-1)}`, `@types/node@${node}`);
  const rows = COMPILERS.flatMap((compiler, i) =>
    MODES.filter(({ since = 0, until = Infinity }) => Number(compiler) >= since && Number(compiler) <= until).map((mode) => {
      const node = NODES[(i + MODES.indexOf(mode)) % NODES.length];
      return { compiler, node, mode };
    }),
  );
  // Two at a time: each compiler takes a core.
  const next = rows.values();
  await Promise.all(
    [0, 1].map(async () => {
      for (const row of next) await compile(row);
    }),
  );
  for (const rxjs of RXJS) await smoke(rxjs);
} finally {
  rmSync(temp, { recursive: true, force: true });
}
console.log(`${failures === 0 ? 'all hold' : `${failures} do not hold`}, ${Math.round((Date.now() - started) / 1000)} s`);
process.exitCode = failures === 0 ? 0 : 1;
