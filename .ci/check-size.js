// Measures what a browser loads: bundles programs from dist/ as a user does, with rolldown and with esbuild, without rxjs, minified and
// with gzip, and fails above the limit of each.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { rolldown } from 'rolldown';

const RXJS = /^rxjs(\/|$)/;
const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The limits of each program, in bytes. Add one as text, as a user writes it. esbuild names variables of nested functions differently,
 * which gzip compresses less, and repeats the import of rxjs for each file of dist/.
 */
const PROGRAMS = [
  // One number: fails if something is kept that no program uses, such as a class with a static block, or a call without its annotation.
  { rolldown: 200, esbuild: 200, text: `export { IN } from 'rxjs-io-stream/web';` },
  ...['delimited', 'lengthPrefixed', 'lines', 'ndjson', 'netstrings', 'parse'].map((codec) => ({
    rolldown: 5_000,
    esbuild: 5_000,
    text: `export { ${codec} } from 'rxjs-io-stream/codecs';`,
  })),
  { rolldown: 6_600, esbuild: 6_700, text: `export * from 'rxjs-io-stream/codecs';` },
  { rolldown: 16_800, esbuild: 17_000, text: `export { connect } from 'rxjs-io-stream/web';` },
  { rolldown: 20_000, esbuild: 20_400, text: `export { connect, webSocket } from 'rxjs-io-stream/web';` },
  { rolldown: 27_000, esbuild: 27_500, text: `export { connect, framed, lines, persistent, requests } from 'rxjs-io-stream/web';` },
  { rolldown: 78_000, esbuild: 80_000, text: `export * from 'rxjs-io-stream/web';` },
];

/** Bundles a program with rolldown. Returns its code. */
async function byRolldown(text) {
  const entry = {
    name: 'entry',
    resolveId: (id) => (id === 'entry' ? `${root}entry.js` : undefined),
    load: (id) => (id === `${root}entry.js` ? text : undefined),
  };
  const bundle = await rolldown({ input: 'entry', cwd: root, platform: 'browser', external: RXJS, plugins: [entry] });
  const { output } = await bundle.generate({ format: 'esm', minify: true, comments: false });
  await bundle.close();
  if (output.length !== 1) throw new Error(`expected one file, got ${output.map(({ fileName }) => fileName).join(', ')}`);
  // A door that is not found is left as an import, and its program would be smaller than every limit.
  const missing = output[0].imports.filter((name) => !RXJS.test(name));
  if (missing.length > 0) throw new Error(`expected imports of rxjs only, got ${missing.join(', ')}; run \`npm run build\` first`);
  return output[0].code;
}

/** Bundles a program with esbuild, as docs/guides/browsers.md does. Returns its code. */
async function byEsbuild(text) {
  const { outputFiles } = await build({
    stdin: { contents: text, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    external: ['rxjs'],
    write: false,
  });
  return outputFiles[0].text;
}

const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

let failures = 0;
for (const { text, ...limits } of PROGRAMS) {
  const codes = { rolldown: await byRolldown(text), esbuild: await byEsbuild(text) };
  const sizes = Object.entries(codes).map(([bundler, code]) => ({ bundler, size: gzipSync(code, { level: 9 }).length }));
  const isOver = sizes.some(({ bundler, size }) => size > limits[bundler]);
  if (isOver) failures += 1;
  const shown = sizes.map(({ bundler, size }) => `${kB(size)} of ${kB(limits[bundler])} by ${bundler}`).join(', ');
  console.log(`${isOver ? 'not ok' : 'ok'} - ${shown}: ${text}`);
}
process.exitCode = failures === 0 ? 0 : 1;
