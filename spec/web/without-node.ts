// Hides `Buffer` from the sources that run in browsers. Specs, tools and the sources for Node may use it.
import { webFiles } from '../../.ci/web-modules.js';

const { Buffer } = globalThis;
const files = webFiles();

Object.defineProperty(globalThis, 'Buffer', {
  configurable: true,
  get() {
    const [, file = ''] = /(\/[^():]+\.ts)/.exec(new Error().stack?.split('\n')[2] ?? '') ?? [];
    if (files.has(file)) throw new ReferenceError(`Buffer is not defined, in ${file}`);
    return Buffer;
  },
});
