import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { IOStream, open } from 'rxjs-io-stream';

const URL_OF_PROXY = 'socks5://me:hunter2@proxy:1080';
const place = { host: 'target.test', port: 1 };

describe('a URL of a proxy in a wrong place', () => {
  it.each<[string, unknown]>([
    ['a plugin', { ...place, plugin: { proxy: URL_OF_PROXY } }],
    ['a plugin, as an object', { ...place, plugin: { proxy: new URL(URL_OF_PROXY) } }],
    ['a plugin in a pair', { ...place, plugin: [['proxy', URL_OF_PROXY]] }],
    ['the name of a plugin', { ...place, plugin: [[URL_OF_PROXY, undefined]] }],
    ['a pair', { ...place, plugin: [URL_OF_PROXY] }],
    ['all plugins', { ...place, plugin: URL_OF_PROXY }],
    ['the host', { ...place, host: URL_OF_PROXY }],
    ['the path', { path: `\0${URL_OF_PROXY}\0` }],
    ['the callback', { ...place, cb: URL_OF_PROXY }],
    ['the options', URL_OF_PROXY],
  ])('is in no error: %s', async (_, options) => {
    const errors: unknown[] = [];
    const keep = (error: unknown): unknown => errors.push(error);
    for (const call of [() => Promise.resolve(new IOStream(options as never)), () => open(options as never)])
      try {
        await call().catch(keep);
      } catch (error) {
        keep(error);
      }
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) {
      expect(error).toBeInstanceOf(TypeError);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter2/);
    }
  });
});
