// Compares the names and types that each entry point exports with the reports in etc/api, so that none changes unseen.
//
//   node .ci/api-report.js            fails when a report differs
//   node .ci/api-report.js --write    writes the reports; this is `npm run api`, which builds before
//
// Works on the declarations in dist/, as users get them.
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const SILENT = { default: { logLevel: ExtractorLogLevel.None, addToApiReportFile: false } };

/** The names of the entry points: '.' is `index`. */
export const doors = Object.keys(exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => (path === '.' ? 'index' : path.slice(2)));

/** @returns whether the report of an entry point is as in etc/api. With `write`, it is afterwards. */
export function isUpToDate(door, { write = false } = {}) {
  const declarations = join(root, 'dist/cjs', `${door}.d.ts`);
  if (!existsSync(declarations)) throw new Error(`expected the package to be built, found no dist/cjs/${door}.d.ts: run \`npm run build\``);
  mkdirSync(join(root, 'etc/api'), { recursive: true });
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: declarations,
      newlineKind: 'lf',
      compiler: { tsconfigFilePath: join(root, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${door}.api.md`,
        reportFolder: join(root, 'etc/api'),
        reportTempFolder: join(root, '.tmp/api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      // Docs are checked by .ci/check-docstrings.js.
      messages: { compilerMessageReporting: SILENT, extractorMessageReporting: SILENT, tsdocMessageReporting: SILENT },
    },
  });
  const messageCallback = (message) => {
    message.handled = true;
  };
  return !Extractor.invoke(config, { localBuild: write, messageCallback }).apiReportChanged;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const write = process.argv.includes('--write');
  for (const door of doors) {
    if (isUpToDate(door, { write })) console.log(`ok - etc/api/${door}.api.md`);
    else if (write) console.log(`written - etc/api/${door}.api.md`);
    else {
      console.error(`not ok - etc/api/${door}.api.md: run \`npm run api\` and look at its diff`);
      process.exitCode = 1;
    }
  }
}
