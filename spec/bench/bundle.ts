import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** A module reads the files beside its source, wherever the bundle lies. */
const sourceUrls: Plugin = {
  name: 'source URLs',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { loader: 'ts', contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)) };
    }),
};

/** The folder of the bundles of this process: inside the package, so that the package and its tools resolve by their names. */
let folder: string | undefined;

function newFolder(): string {
  const parent = fileURLToPath(new URL('../../.tmp/', import.meta.url));
  mkdirSync(parent, { recursive: true });
  const made = mkdtempSync(join(parent, 'bench-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  return made;
}

/**
 * Bundles a program of the benchmark for a bare `node`. A loader of TypeScript in a measured process makes its heap larger, and full
 * collections rarer than those of a user. Packages stay outside of the bundle, so `rxjs-io-stream` is `dist/`.
 *
 * @returns the path of the bundle. It is removed when this process exits.
 */
export async function bundle(entry: string): Promise<string> {
  folder ??= newFolder();
  await build({
    entryPoints: [entry],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    // What is imported on demand is a file of its own: a process loads only what it runs.
    splitting: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    tsconfigRaw: {},
    plugins: [sourceUrls],
    logLevel: 'warning',
  });
  return join(folder, `${basename(entry, '.ts')}.mjs`);
}
