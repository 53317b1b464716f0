import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { proxyFromEnv, stack, type Environment } from 'rxjs-io-stream';
import { testDial } from '../../../src/testing/test-dial.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { textOf } from '../../support/signal-text.ts';

type ProxyTarget = Parameters<typeof proxyFromEnv>[0];

/** Returns the address that is dialled, as `host:port`, and the first bytes that are sent there; `direct` without a proxy. */
function route(target: ProxyTarget, env: Environment | undefined): string {
  const plugins = proxyFromEnv(target, env);
  if (Object.keys(plugins).length === 0) return 'direct';
  const driver = new PluginDriver((wire) => stack(plugins, wire), { dial: testDial({ to: { host: '192.0.2.1', port: 443 } }) });
  driver.wire.connect();
  const { host, port } = driver.wire.dials[0]!.to as { host: string; port: number };
  const start = { '\x05': 'socks5', '\x04': 'socks4', C: 'http' }[textOf(driver.wire.down)[0] ?? ''] ?? 'tls';
  return `${start} ${host}:${port}`;
}

const A = 'socks5h://a.test:1';
const B = 'socks5h://b.test:2';
const C = 'socks5h://c.test:3';
const [viaA, viaB, viaC] = ['socks5 a.test:1', 'socks5 b.test:2', 'socks5 c.test:3'];

describe('proxyFromEnv', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each<[target: ProxyTarget, env: Environment, route: string]>([
    ['https://x.test', {}, 'direct'],
    ['https://x.test', { HTTPS_PROXY: A }, viaA],
    ['https://x.test', { https_proxy: A, HTTPS_PROXY: B }, viaA],
    ['https://x.test', { https_proxy: '', HTTPS_PROXY: B }, viaB],
    ['https://x.test', { http_proxy: A }, 'direct'],
    ['https://x.test', { HTTPS_PROXY: A, all_proxy: B, ALL_PROXY: C }, viaA],
    ['https://x.test', { http_proxy: A, all_proxy: B, ALL_PROXY: C }, viaB],
    ['https://x.test', { ALL_PROXY: C }, viaC],
    ['http://x.test', { http_proxy: A }, viaA],
    ['http://x.test', { HTTP_PROXY: A }, 'direct'],
    ['http://x.test', { HTTP_PROXY: A, ALL_PROXY: C }, viaC],
    ['wss://x.test', { HTTPS_PROXY: A }, viaA],
    ['wss://x.test', { WSS_PROXY: B, https_proxy: A }, viaB],
    ['ws://x.test', { http_proxy: A }, viaA],
    ['ws://x.test', { HTTP_PROXY: A }, 'direct'],
    ['ws://x.test', { WS_PROXY: B }, viaB],
    ['redis://x.test:6379', { redis_proxy: A, ALL_PROXY: C }, viaA],
    ['redis://x.test:6379', { REDIS_PROXY: B }, viaB],
    ['redis://x.test:6379', { HTTPS_PROXY: A, http_proxy: B }, 'direct'],
    ['constructor://x.test', { ALL_PROXY: C }, viaC],
    [{ host: 'x.test', port: 443 }, { HTTPS_PROXY: A }, viaA],
    [{ host: 'x.test', port: 80 }, { http_proxy: A }, viaA],
    [{ host: 'x.test', port: 6379 }, { HTTPS_PROXY: A, http_proxy: B }, 'direct'],
    [{ host: 'x.test', port: 6379 }, { ALL_PROXY: C }, viaC],
    [{ path: '/run/x.sock' }, { ALL_PROXY: C }, 'direct'],
  ])('selects the variable for %j in %j: %s', (target, env, expected) => {
    expect(route(target, env)).toBe(expected);
    if (typeof target === 'string') expect(route(new URL(target), env)).toBe(expected);
  });

  it.each<[target: ProxyTarget, noProxy: Environment, route: string]>([
    ['https://x.test', { NO_PROXY: 'x.test' }, 'direct'],
    ['https://x.test:8443', { NO_PROXY: 'x.test' }, 'direct'],
    ['https://www.x.test', { NO_PROXY: '.x.test' }, 'direct'],
    ['https://nox.test', { NO_PROXY: 'x.test' }, viaA],
    ['https://x.test', { NO_PROXY: '*' }, 'direct'],
    ['https://x.test', { no_proxy: 'y.test', NO_PROXY: 'x.test' }, viaA],
    ['https://x.test', { no_proxy: '', NO_PROXY: 'x.test' }, 'direct'],
    ['https://bücher.test', { NO_PROXY: 'xn--bcher-kva.test' }, 'direct'],
    ['redis://b%C3%BCcher.test', { NO_PROXY: 'xn--bcher-kva.test' }, 'direct'],
    ['https://10.1.2.3', { NO_PROXY: '10.0.0.0/8' }, 'direct'],
    ['https://0x0a010203', { NO_PROXY: '10.0.0.0/8' }, 'direct'],
    [{ host: '167838211', port: 443 }, { NO_PROXY: '10.0.0.0/8' }, 'direct'],
    ['https://[::1]', { NO_PROXY: '::1' }, 'direct'],
    ['https://[::1]', { NO_PROXY: '[::1]' }, viaA],
    [{ host: '[::1]', port: 443 }, { NO_PROXY: '::1' }, 'direct'],
    [{ host: '0:0::1', port: 443 }, { NO_PROXY: '::/64' }, 'direct'],
    [{ host: 'fe80::1%eth0', port: 443 }, { NO_PROXY: 'fe80::/10' }, 'direct'],
  ])('compares %j with %j: %s', (target, noProxy, expected) => {
    expect(route(target, { ALL_PROXY: A, ...noProxy })).toBe(expected);
  });

  it.each<[value: string, route: string]>([
    ['p.test:3128', 'http p.test:3128'],
    ['p.test', 'http p.test:1080'],
    ['me:secret@p.test:3128', 'http p.test:3128'],
    ['me:1234@p.test', 'http p.test:1080'],
    ['http://p.test', 'http p.test:1080'],
    ['http://p.test/', 'http p.test:1080'],
    ['http://p.test:80/', 'http p.test:80'],
    ['HTTP://p.test:80', 'http p.test:80'],
    ['http://[::1]', 'http ::1:1080'],
    ['http://[::1]:8', 'http ::1:8'],
    ['https://p.test', 'tls p.test:443'],
    ['https://p.test:8443', 'tls p.test:8443'],
    ['socks://p.test', 'socks4 p.test:1080'],
    ['socks4a://p.test', 'socks4 p.test:1080'],
    ['socks5://p.test', 'socks5 p.test:1080'],
    ['http://p.test:3128/path?query#fragment', 'http p.test:3128'],
    ['p.test/path', 'http p.test:1080'],
    ['socks5h://me:secret@p.test?query', 'socks5 p.test:1080'],
    ['socks4://me:secret@p.test', 'socks4 p.test:1080'],
    ['socks4a://me:1:2@p.test:3', 'socks4 p.test:3'],
  ])('reads the value %j: %s', (value, expected) => {
    expect(route('https://x.test', { HTTPS_PROXY: value })).toBe(expected);
  });

  it('reads the environment of the process by default', () => {
    for (const name of ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY']) vi.stubEnv(name, undefined);
    vi.stubEnv('HTTPS_PROXY', A);
    expect(route('https://x.test', undefined)).toBe(viaA);
  });

  it('ignores inherited variables', () => {
    expect(route('https://x.test', Object.create({ HTTPS_PROXY: A }) as Environment)).toBe('direct');
  });

  it('passes the options to the plugins', () => {
    expect(() => proxyFromEnv('https://x.test', { ALL_PROXY: A }, { lookup: 'dns' as never })).toThrow('expected `lookup`');
  });

  it('checks the options and the environment, also for a direct connection', () => {
    for (const target of ['https://x.test', { path: '/run/x.sock' }]) {
      expect(() => proxyFromEnv(target, {}, { foo: 1 } as never)).toThrow('unknown option `foo` (proxyFromEnv takes tls, lookup)');
      expect(() => proxyFromEnv(target, {}, null as never)).toThrow('expected an object of options for proxyFromEnv, got null');
      expect(() => proxyFromEnv(target, null as never)).toThrow('expected the environment of proxyFromEnv to be an object, got null');
    }
  });

  it.each([
    ['ftp://me:hunter2@h0st', 'expected the URL of the environment variable HTTPS_PROXY to have the scheme http: or'],
    ['me:hunter2@h0st:99999', 'expected the URL of the environment variable HTTPS_PROXY to be http://'],
    ['h0st:hunter2', 'HTTPS_PROXY'],
    ['http://me/hunter2@h0st', 'HTTPS_PROXY to have no path'],
    ['http://me:hunter2#1@h0st', 'HTTPS_PROXY'],
  ])('refuses the value %j with a message that has the name of the variable, but not the value', (value, message) => {
    const work = (): unknown => proxyFromEnv('https://x.test', { HTTPS_PROXY: value });
    expect(work).toThrow(TypeError);
    expect(work).toThrow(message);
    expect(work).not.toThrow(/hunter2|h0st/);
  });

  it.each<unknown>([undefined, null, 7, '', 'x.test', 'mailto:x', 'x.test:443', {}, { host: 'x.test' }, { host: 'x y', port: 1 }])(
    'refuses the target %j',
    (target) => {
      const work = (): unknown => proxyFromEnv(target as string, {});
      expect(work).toThrow(TypeError);
      expect(work).toThrow('expected the target of proxyFromEnv to be a URL, or an object with `host` and `port`');
    },
  );

  it('quotes no part of a wrong target', () => {
    const work = (): unknown => proxyFromEnv('https://me:hunter2@h0st:99999', {});
    expect(work).toThrow('got 29 characters that cannot be read so');
    expect(inspect(proxyFromEnv('https://me:hunter2@h0st', { ALL_PROXY: A }))).not.toContain('hunter2');
  });
});
