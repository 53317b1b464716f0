// Copies the version of package.json to jsr.json. Part of `npm run bump`.
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../jsr.json', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
writeFileSync(path, readFileSync(path, 'utf8').replace(/"version": "[^"]*"/, `"version": "${version}"`));
