// Builds the page to play with: static files, without a server, a CDN or a framework.
//
//   node docs/playground/build.js [folder]      into docs/public/playground by default
//
// The worker that runs tests is a bundle of its own, and is text inside the bundle of the page: one script in all. It contains the
// testing kit as built, dist/testing.js.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = join(root, 'docs/playground');
const folder = process.argv[2] ?? join(root, 'docs/public/playground');
const testing = join(root, 'dist/testing.js');
if (!existsSync(testing)) throw new Error('expected dist/testing.js, got no such file: run `npm run build` first');

/** @type {import('esbuild').BuildOptions} */
const browser = {
  bundle: true,
  platform: 'browser',
  target: 'es2022',
  format: 'iife',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  tsconfig: join(here, 'tsconfig.json'),
};

/** The text of the worker, as the module `worker:`. @type {import('esbuild').Plugin} */
const workerText = {
  name: 'worker',
  setup(page) {
    page.onResolve({ filter: /^worker:$/ }, () => ({ path: join(here, 'worker.ts'), namespace: 'worker' }));
    page.onLoad({ filter: /.*/, namespace: 'worker' }, async ({ path }) => {
      const { outputFiles } = await build({ ...browser, entryPoints: [path], write: false, alias: { 'rxjs-io-stream/testing': testing } });
      return { contents: outputFiles[0].text, loader: 'text' };
    });
  },
};

mkdirSync(folder, { recursive: true });
await build({ ...browser, entryPoints: [join(here, 'page.ts')], outfile: join(folder, 'playground.js'), plugins: [workerText] });
for (const name of ['index.html', 'playground.css']) copyFileSync(join(here, name), join(folder, name));
console.log(`built ${folder}`);
