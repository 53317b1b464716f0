import { describe, expect, it } from 'vitest';
import { isPort, PROXY_REQUIRED, PROXY_RULES } from '../../../src/plugins/proxy/proxy-options.ts';
import { checkOptions } from '../../../src/util/check-options.ts';

describe('the rules of proxies', () => {
  const good = { host: 'proxy', port: 1080 };
  const check = (options: unknown) => () =>
    checkOptions(options as object, { caller: 'socksX', rules: PROXY_RULES, required: PROXY_REQUIRED });

  it.each([
    good,
    { ...good, host: '[::1]', port: 65535 },
    { ...good, resolve: 'local', lookup: () => {} },
    { ...good, resolve: undefined },
  ])('take %j', (options) => expect(check(options)).not.toThrow());

  it.each<[unknown, string]>([
    [{}, 'expected `host` of socksX'],
    [{ port: 1 }, 'expected `host` of socksX'],
    [{ host: 'proxy' }, 'expected `port` of socksX to be an integer from 1 to 65535, got undefined'],
    ...['', 'a b', 'a\r\nb', 'a\0b', 'http://u:hunter2@proxy', 'u:hunter2@proxy', 'proxy/hunter2', 'a#b', 7].map(
      (host): [unknown, string] => [{ ...good, host }, 'expected `host` of socksX'],
    ),
    [{ ...good, port: 0 }, 'got 0'],
    [{ ...good, port: 65536 }, 'got 65536'],
    [{ ...good, port: '1080' }, 'expected `port` of socksX to be an integer from 1 to 65535, got a string of 4 bytes'],
    [{ ...good, resolve: 'remote' }, "expected `resolve` of socksX to be 'proxy' or 'local'"],
    [{ ...good, lookup: 'dns' }, 'expected `lookup` of socksX'],
    [{ ...good, username: 'me' }, 'unknown option `username` (socksX takes host, port, resolve, lookup)'],
  ])('refuse %j', (options, message) => {
    expect(check(options)).toThrow(TypeError);
    expect(check(options)).toThrow(message);
    expect(check(options)).not.toThrow('hunter2');
  });
});

describe('isPort', () => {
  it.each([1, 80, 65535])('takes %j', (port) => expect(isPort(port)).toBe(true));
  it.each([0, -1, 65536, 1.5, NaN, '80', undefined])('refuses %j', (port) => expect(isPort(port)).toBe(false));
});
