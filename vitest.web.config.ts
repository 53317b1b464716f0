// Runs specs with the files for the Web, and without `Buffer`: `npm run test:web`.
import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import { webModulesOnly } from './.ci/web-modules.js';
import base from './vitest.config.ts';

const door = fileURLToPath(new URL('./src/web.ts', import.meta.url));

export default mergeConfig(
  // First, so that it goes before the entry point for Node.
  defineConfig({ resolve: { alias: [{ find: /^rxjs-io-stream(\/web)?$/, replacement: door }] } }),
  mergeConfig(base, defineConfig({ plugins: [webModulesOnly()], test: { setupFiles: ['spec/web/without-node.ts'] } })),
);
