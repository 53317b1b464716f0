// Compares the names and types that each entry point exports with the reports in etc/api, so that none changes unseen.
//
//   node .ci/api-report.js            fails when a report differs
//   node .ci/api-report.js --write    writes the reports; this is `npm run api`, which builds before
//
// Works on the declarations in dist/, as users get them.
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const SILENT = { default: { logLevel: ExtractorLogLevel.None, addToApiReportFile: false } };

const declarationsOf = (door) => join(root, 'dist/cjs', `${door}.d.ts`);

function configOf(door) {
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: declarationsOf(door),
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
}

const doors = Object.keys(exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => (path === '.' ? 'index' : path.slice(2)));
for (const door of doors)
  if (!existsSync(declarationsOf(door)))
    throw new Error(`expected the package to be built, found no dist/cjs/${door}.d.ts: run \`npm run build\``);

const write = process.argv.includes('--write');
mkdirSync(join(root, 'etc/api'), { recursive: true });
const configs = doors.map(configOf);
const compilerState = CompilerState.create(configs[0], { additionalEntryPoints: doors.map(declarationsOf) });
const messageCallback = (message) => {
  message.handled = true;
};
for (const [at, door] of doors.entries()) {
  const { apiReportChanged } = Extractor.invoke(configs[at], { localBuild: write, compilerState, messageCallback });
  if (!apiReportChanged) console.log(`ok - etc/api/${door}.api.md`);
  else if (write) console.log(`written - etc/api/${door}.api.md`);
  else {
    console.error(`not ok - etc/api/${door}.api.md: run \`npm run api\` and look at its diff`);
    process.exitCode = 1;
  }
}
