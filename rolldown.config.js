// Joins the modules of each entry point in `src/` and shared code into a few files of `dist/`: code as ES modules and as CommonJS, and the
// declarations that `tsc` made in `.tmp/types`; those of the Web are in `.tmp/types-web`. No source maps: the code is readable, and maps with their sources are larger than all else.
import { readFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { fileURLToPath } from 'node:url';
import { webModules, webModulesOf, webTypes } from './.ci/web-modules.js';

const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
/** The names of the entry points: '.' is `index`. */
const doors = Object.keys(exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => (path === '.' ? 'index' : path.slice(2)));
/** The declarations as `tsc` has made them. */
const types = {
  node: fileURLToPath(new URL('.tmp/types', import.meta.url)),
  web: fileURLToPath(new URL('.tmp/types-web', import.meta.url)),
};
const inputs = (toPath) => Object.fromEntries(doors.map((door) => [door, toPath(door)]));

const external = /^(node:|rxjs|@nats-io\/|@opentelemetry\/api$)/;
const code = {
  input: inputs((door) => `./src/${door}.ts`),
  external,
  platform: 'node',
  transform: { target: 'es2022' },
  preserveEntrySignatures: 'allow-extension', // Needed by `includeDependenciesRecursively: false`.
};
const codecModules = webModulesOf('src/codecs.ts');
const streamModules = new Set(['src/stream/connect.ts', 'src/wire/web-socket/web-socket.ts'].flatMap((path) => [...webModulesOf(path)]));
// What a bundler keeps of a file that a program uses in part: statements with side effects, and in esbuild all names that the file
// imports of rxjs. So these are files of their own, also for a program that needs no more:
const groups = [
  // - what makes tables at import;
  { name: 'proxy-protocol', test: /src\/(protocol|plugins)\/proxy-protocol/ },
  // - codecs, with errors;
  { name: 'codecs', test: (id) => codecModules.has(id) && !id.endsWith('src/codecs.ts') },
  // - streams and WebSockets: what both entry points share, and the rest of the one for the Web;
  { name: 'streams', test: (id) => streamModules.has(id) && !id.endsWith('?web') },
  { name: 'web-streams', test: (id) => streamModules.has(id) },
  // - all else that only the Web has, so that its entry point has no code.
  { name: 'web', test: (id) => id.endsWith('?web') && !id.endsWith('src/web.ts?web') },
];
const output = {
  codeSplitting: { includeDependenciesRecursively: false, groups },
  chunkFileNames: 'shared-[hash].js',
  esModule: true,
  comments: { legal: false, jsdoc: false, annotation: true },
};

/** What CommonJS needs beside the code: a package.json that says so. */
const commonJsMarker = {
  name: 'commonjs-marker',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' });
  },
};

/** The declarations are CommonJS's; those of the ES modules name them again, so that both are the same types. */
const esmTypes = {
  name: 'esm-types',
  generateBundle() {
    for (const door of doors) this.emitFile({ type: 'asset', fileName: `${door}.d.ts`, source: `export * from './cjs/${door}.js';\n` });
  },
};

export default defineConfig([
  // With the program of `npx rxjs-io-stream`, which needs no other format.
  {
    ...code,
    input: { ...code.input, cli: './src/cli.ts' },
    plugins: [webModules(), esmTypes],
    output: { ...output, dir: 'dist', format: 'esm' },
  },
  // For jest and older bundlers. Without indentation: Node itself takes the ES modules for `require`, too.
  {
    ...code,
    plugins: [webModules(), commonJsMarker],
    output: { ...output, dir: 'dist/cjs', format: 'cjs', minify: { mangle: false, compress: false } },
  },
  {
    input: inputs((door) => `${door === 'web' ? types.web : types.node}/${door}.d.ts`),
    external,
    plugins: [webTypes(types.node, types.web), dts({ dtsInput: true, emitDtsOnly: true, sourcemap: false })],
    output: {
      dir: 'dist/cjs',
      chunkFileNames: 'shared-[hash].js',
      // `Symbol.asyncDispose`, which the types of Node declare otherwise.
      banner: ({ name }) => (name === 'web' ? '/// <reference lib="esnext.disposable" />' : ''),
    },
  },
]);
