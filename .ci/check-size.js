// Measures what a browser loads: bundles programs from dist/ as a user does, without rxjs, minified and with gzip, and fails above the
// limit of each.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const RXJS = /^rxjs(\/|$)/;
const root = fileURLToPath(new URL('..', import.meta.url));

/** The limit of each program, in bytes. Add one as text, as a user writes it. */
const PROGRAMS = [
  // One number: fails if something is kept that no program uses, such as a class with a static block, or a call without its annotation.
  { limit: 200, text: `export { IN } from 'rxjs-io-stream/web';` },
  ...['delimited', 'lengthPrefixed', 'lines', 'ndjson', 'netstrings', 'parse'].map((codec) => ({
    limit: 5_000,
    text: `export { ${codec} } from 'rxjs-io-stream/codecs';`,
  })),
  { limit: 6_600, text: `export * from 'rxjs-io-stream/codecs';` },
  { limit: 16_800, text: `export { connect } from 'rxjs-io-stream/web';` },
  { limit: 20_000, text: `export { connect, webSocket } from 'rxjs-io-stream/web';` },
  { limit: 27_000, text: `export { connect, framed, lines, persistent, requests } from 'rxjs-io-stream/web';` },
  { limit: 78_000, text: `export * from 'rxjs-io-stream/web';` },
];

/** Bundles a program. Returns its code. */
async function bundled(text) {
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

const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

let failures = 0;
for (const { limit, text } of PROGRAMS) {
  const code = await bundled(text);
  const size = gzipSync(code, { level: 9 }).length;
  if (size > limit) failures += 1;
  console.log(`${size > limit ? 'not ok' : 'ok'} - ${kB(size)} of ${kB(limit)}, ${kB(code.length)} without gzip: ${text}`);
}
process.exitCode = failures === 0 ? 0 : 1;
