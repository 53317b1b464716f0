import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { webModules } from './.ci/web-modules.js';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [webModules()], // Makes rxjs-io-stream/web, as the build does.
  resolve: {
    // Specs import the package by its name, like a user, and get the sources.
    alias: [
      { find: /^rxjs-io-stream$/, replacement: source('./src/index.ts') },
      { find: /^rxjs-io-stream\/(codecs|inspect|nats|opentelemetry|testing)$/, replacement: source('./src/$1.ts') },
    ],
  },
  test: {
    include: ['spec/**/*.spec.ts'],
    // Measuring is `npm run bench`. The real peers of spec/interop are part of every run.
    exclude: ['spec/bench/**'],
    // A process per spec file: sockets, handles and garbage of one do not show in another.
    pool: 'forks',
    // Leak specs call `globalThis.gc()`.
    execArgv: ['--expose-gc'],
    // Long: programs and peers take many seconds to start on a busy machine. What a spec waits for ends sooner, and by name.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // More workers than cores: much of the time of a spec is waiting.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    reporters: ['default', './spec/support/skipped-reporter.ts', './spec/interop/matrix-reporter.ts'],
  },
});
