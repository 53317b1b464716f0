// Packs the built library, installs it into an empty project and uses it there in every way a user may.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const installed = (name) => readJson(join(root, 'node_modules', name, 'package.json')).version;
const { name, exports, peerDependencies } = readJson(join(root, 'package.json'));
const doors = Object.keys(exports).flatMap((path) => (path.endsWith('.json') ? [] : [join(name, path)]));

/** Bytes of the packed package: the code as ES modules and as CommonJS, and the declarations. `rxjs-io-stream/web` is some 100 kB of it. */
const MAX_SIZE = 720_000;

const temp = mkdtempSync(join(tmpdir(), `${name}-pack-`));
const run = (command, args, cwd = temp) => execFileSync(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
const bin = (packageName, path) => join(root, 'node_modules', packageName, path);
const write = (path, text) => writeFileSync(join(temp, path), text);
const check = (what, work) => {
  try {
    work();
  } catch (error) {
    console.error(`not ok - ${what}\n${error.stdout ?? ''}`);
    throw error;
  }
  console.log(`ok - ${what}`);
};

try {
  const [{ filename, files, size }] = JSON.parse(run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', temp], root));
  const tarball = join(temp, filename);
  write('package.json', '{ "private": true }');

  check(`is at most ${MAX_SIZE / 1000} kB packed: ${Math.ceil(size / 1000)} kB`, () => {
    if (size > MAX_SIZE) throw new Error(`${Math.ceil(size / 1000)} kB in ${files.length} files`);
  });

  check('installs beside its peers', () => {
    const beside = [...Object.keys(peerDependencies), '@types/node'].map((peer) => `${peer}@${installed(peer)}`);
    run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...beside]);
  });

  check('holds no maps and no sources', () => {
    const superfluous = files.filter(({ path }) => path.endsWith('.map') || path.startsWith('src/'));
    if (superfluous.length > 0) throw new Error(superfluous.map(({ path }) => path).join(', '));
  });

  check('loads by import and by require, as one instance; the rest is closed', () => {
    write(
      'load.mjs',
      `import assert from 'node:assert/strict';
       import { createRequire } from 'node:module';
       const require = createRequire(import.meta.url);
       for (const door of ${JSON.stringify(doors)}) {
         const names = Object.keys(await import(door));
         assert.ok(names.length > 0, door + ' exports nothing');
         for (const name of names) assert.equal(require(door)[name], (await import(door))[name], name);
       }
       assert.equal(require('${name}/package.json').name, '${name}');
       for (const path of ['dist/index.js', 'src/index.ts', 'dist/errors.js'])
         await assert.rejects(import('${name}/' + path), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }, path);`,
    );
    write('load.cjs', doors.map((door) => `if (Object.keys(require('${door}')).length === 0) throw new Error('${door}');`).join('\n'));
    // Node 20.19 and later take `module-sync` for both; jest and older compilers take `require`, the CommonJS build.
    run(process.execPath, ['--disable-warning=ExperimentalWarning', 'load.mjs']);
    run(process.execPath, ['--disable-warning=ExperimentalWarning', 'load.cjs']);
  });

  check('runs the program of `npx`: its help, and a page of a recording', () => {
    write('failure.txt', 'rxjs-io-stream recording 1\n0 wire: connected [{"wire":"tcp"}]\n1 wire: data 68 69 |hi|\n');
    const npx = (...args) => run('npx', ['--no', '--', name, ...args]);
    if (!npx('--help').includes(`npx ${name} view FILE`)) throw new Error('expected the help');
    npx('view', 'failure.txt');
    if (!readFileSync(join(temp, 'failure.html'), 'utf8').includes('data, 2 bytes: hi'))
      throw new Error('expected the page to show the bytes');
  });

  // Declarations are checked too (no skipLibCheck), and a name that is not there must be an error: types are no `any`.
  const user = doors
    .map(
      (door, i) => `import * as door${i} from '${door}';
       export const names${i}: readonly (keyof typeof door${i})[] = Object.keys(door${i}) as (keyof typeof door${i})[];
       // @ts-expect-error there is no such name
       export const missing${i}: unknown = door${i}.noSuchName;`,
    )
    .join('\n');
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node'];
  const compile = (path, ...options) => {
    write(path, user);
    run(process.execPath, [bin('typescript', 'bin/tsc'), ...flags, ...options, path]);
  };
  check('compiles under NodeNext from ESM', () => compile('user.mts', '--module', 'nodenext'));
  check('compiles under NodeNext from CommonJS', () => compile('user.cts', '--module', 'nodenext'));
  check('compiles under node16 from CommonJS', () => compile('older.cts', '--module', 'node16'));
  check('compiles under a bundler', () => {
    mkdirSync(join(temp, 'bundled'));
    compile('bundled/user.ts', '--module', 'esnext', '--moduleResolution', 'bundler');
  });

  check('pleases publint', () => run(process.execPath, [bin('publint', 'src/cli.js'), 'run', tarball, '--strict']));
  check('pleases arethetypeswrong', () => {
    run(process.execPath, [bin('@arethetypeswrong/cli', 'dist/index.js'), tarball, '--no-emoji']);
  });
} finally {
  rmSync(temp, { recursive: true, force: true });
}
