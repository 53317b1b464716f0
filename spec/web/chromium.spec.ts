import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { chromiumName, launchChromium, type Chromium } from '../support/chromium.ts';
import { serveFolder } from '../support/serve-folder.ts';
import type { CheckResult } from './portable-checks.ts';

const why = 'needs Chromium: .ci/install-peers';
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'web-'));
const CHECKS = fileURLToPath(new URL('./portable-checks.ts', import.meta.url));
const doors = ['codecs', 'testing', 'web'] as const;

const browser: BuildOptions = { bundle: true, platform: 'browser', format: 'esm', target: 'es2022', logLevel: 'warning' };

/** What `import` finds in the page: the built files as they are, and rxjs in one file. */
const imports = {
  rxjs: '/rxjs.js',
  'rxjs/testing': '/rxjs/testing.js',
  ...Object.fromEntries(doors.map((door) => [`rxjs-io-stream/${door}`, packageJson.exports[`./${door}`].default.replace('./', '/')])),
};

describe.skipIf(chromiumName === undefined)(`in Chromium (${why})`, () => {
  let chromium: Chromium;
  let served: Awaited<ReturnType<typeof serveFolder>>;

  beforeAll(async () => {
    const external = ['rxjs', 'rxjs-io-stream/*'];
    await Promise.all([
      build({ ...browser, entryPoints: [CHECKS], outfile: join(folder, 'checks.js'), external }),
      build({ ...browser, entryPoints: ['rxjs', 'rxjs/testing'], absWorkingDir: root, outdir: folder, splitting: true }),
      // A worker has no import map: it gets a bundle, made as a user's bundler makes it.
      build({
        ...browser,
        stdin: {
          contents: `import { runChecks } from './spec/web/portable-checks.ts';\nvoid runChecks().then((results) => postMessage(results));`,
          resolveDir: root,
        },
        outfile: join(folder, 'worker.js'),
        // Not the paths of tsconfig.json, which lead to the sources.
        tsconfigRaw: {},
      }),
    ]);
    writeFileSync(
      join(folder, 'index.html'),
      `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports })}</script>`,
    );
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    served = await serveFolder(folder);
    chromium = await launchChromium();
  });

  afterAll(async () => {
    await chromium.close();
    await served.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });

  it.each([
    ['a page, from the built files', `import('/checks.js').then(({ runChecks }) => runChecks())`],
    [
      'a worker, from a bundle',
      `new Promise((resolve, reject) => {
         const worker = new Worker('/worker.js', { type: 'module' });
         worker.onmessage = ({ data }) => resolve(data);
         worker.onerror = ({ message }) => reject(new Error(message));
       })`,
    ],
  ])(
    'passes all checks in %s',
    async (_, run) => {
      const page = await chromium.newPage();
      await page.goto(`${served.url}/`);
      const results = await page.evaluate<CheckResult[]>(run);
      expect(results.filter(({ problem }) => problem !== undefined).map(({ name, problem }) => `${name}: ${problem}`)).toEqual([]);
      expect(results.length).toBeGreaterThanOrEqual(20);
      expect(page.errors).toEqual([]);
    },
    120_000,
  );
});

describe('the built files of the doors for the Web', () => {
  it.each(doors)('name nothing of Node, at any distance: %s', (door) => {
    const files = reachable(join(root, packageJson.exports[`./${door}`].default));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const code = readFileSync(file, 'utf8');
      expect(code, file).not.toMatch(/["']node:/);
      expect(code.replace(/^\s*(\/\/|\*|\/\*).*$/gm, ''), file).not.toMatch(/(?<![\w$.])(Buffer|process|require|__dirname)(?=[.(])/);
    }
  });
});

/** A built file and all that it imports, at any distance. */
function reachable(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const imported = [...readFileSync(file, 'utf8').matchAll(/\bfrom ["'](\.[^"']+)["']/g)].map(([, path = '']) => join(file, '..', path));
  return [file, ...imported.flatMap((each) => reachable(each, seen))];
}
