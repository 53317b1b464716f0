// Runs specs with the files for the Web, and without `Buffer`: `npm run test:web`.
import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import { webModulesOnly } from './.ci/web-modules.js';
import common from './vitest.config.ts';

const door = fileURLToPath(new URL('./src/web.ts', import.meta.url));

/** Specs that need no socket and nothing of Node below them. */
const include = [
  'spec/{codecs,layers,protocol,util,web}/*.spec.ts',
  'spec/testing/**/*.spec.ts',
  'spec/plugins/{passthrough,pcapng,rc4,trace}.spec.ts',
  'spec/plugins/{proxy,throttle-bytes}/*.spec.ts',
  'spec/stream/{sent-tracker,sent-observers,slab,slab-sizes}.spec.ts',
];
/** Those among them that use sockets. */
const exclude = [
  'spec/testing/{wires,web-wires,stacks}.spec.ts',
  'spec/plugins/proxy/{http-proxy-resolve,http-proxy-sockets,socks4,socks5}.spec.ts',
  'spec/util/{async-context,inherited-options}.spec.ts',
  'spec/web/{chromium,types,wires-in-chromium}.spec.ts',
  'spec/testing/picture/{in-chromium,save-picture}.spec.ts',
];

const base = mergeConfig(common, defineConfig({ plugins: [webModulesOnly()], test: { setupFiles: ['spec/web/without-node.ts'] } }));
// Many specs in one process: without sockets and handles, nothing of one shows in another.
base.test = { ...(base.test as object), include, exclude, isolate: false };

// First, so that it goes before the entry point for Node.
export default mergeConfig(defineConfig({ resolve: { alias: [{ find: /^rxjs-io-stream(\/web)?$/, replacement: door }] } }), base);
