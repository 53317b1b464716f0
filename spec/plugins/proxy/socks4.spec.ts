import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { socks4, type Socks4Options } from '../../../src/plugins/proxy/socks4.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Lookup } from '../../../src/wire/resolve.ts';
import type { Target } from '../../../src/wire/signal.ts';
import { spec } from '../../support/spec.ts';
import { data, inWords, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { stepsOf, type Exchange } from '../../support/socks-peer.ts';
import { errorsWhenLeft, passesPayload } from './socks-contract.ts';

const host = '127.0.0.1';
const proxy: Socks4Options = { host, port: 1080 };
const hex = (text: string): string => Buffer.from(text).toString('hex');
const OK = '005a 1f90 0a000001';
const TARGET = { host: 'target.test', port: 7 };
const NAMED = `0401 0007 00000001 00 ${hex(TARGET.host)}00`;

const variants: Record<string, readonly [options: Socks4Options, to: typeof TARGET, exchange: Exchange]> = {
  'for a name (4a)': [proxy, TARGET, [[NAMED, OK]]],
  'for an address, with a user': [{ ...proxy, userId: 'mé' }, { host: '192.0.2.1', port: 7 }, [[`0401 0007 c0000201 ${hex('mé')}00`, OK]]],
};

const asked = (to: Target, options: Socks4Options = proxy): PluginDriver => {
  const driver = new PluginDriver(socks4(options), { dial: testDial({ to, layer: 'proxy' }) });
  driver.wire.connect();
  return driver;
};
const saidBy = ({ wire }: PluginDriver): string => Buffer.from(textOf(wire.down), 'latin1').toString('hex');

describe('socks4', () => {
  it.each(Object.keys(variants))('keeps the rules of a plugin, %s', async (name) => {
    const [options, to, exchange] = variants[name]!;
    (await checkPlugin(socks4(options), stepsOf(exchange), { to })).assert();
  });

  it('dials the proxy, requests the target, and reports the bound address', () => {
    const driver = asked(TARGET);
    driver.wire.emit(data('\0Z\x1f\x90\x0a\0\0\x01payload'));
    expect([driver.wire.dials[0]?.to, saidBy(driver)]).toEqual([proxy, NAMED.replaceAll(' ', '')]);
    expect(driver.up[0]).toMatchObject({ details: [{ layer: 'proxy', boundAddress: '10.0.0.1', boundPort: 8080 }, { wire: 'scripted' }] });
    expect(inWords(driver.up)).toEqual(['connected', 'data payload']);
  });

  it('requests a name that is not ASCII in its IDNA form', () => {
    expect(saidBy(asked({ host: 'bücher.test', port: 7 }))).toBe(`040100070000000100${hex('xn--bcher-kva.test')}00`);
  });

  it.each([
    ['an IPv6 address', '::1', 'IPv6'],
    ['an IPv6 address in brackets', '[::1]', 'IPv6'],
    ['a name that is too long', 'x'.repeat(256), 'too long'],
  ])('sends nothing for %s', (_, name, message) => {
    const driver = asked({ host: name, port: 7 });
    expect(driver.error).toMatchObject({ code: 'EPROXY', phase: 'handshake', layer: 'proxy' });
    expect((driver.error as Error).message).toContain(message);
    expect([driver.wire.down, driver.wire.freed]).toEqual([[], true]);
  });

  describe('a URL', () => {
    it.each<[string | URL, unknown, string]>([
      ['socks4://proxy.test', { host: 'proxy.test', port: 1080 }, ''],
      ['socks4a://m%20e@proxy.test:1081', { host: 'proxy.test', port: 1081 }, 'm e'],
      [new URL('socks4://me:@[::1]:9'), { host: '[::1]', port: 9 }, 'me'],
    ])('%s is host, port and user', (url, to, user) => {
      const driver = new PluginDriver(socks4(url), { dial: testDial({ to: { host: '192.0.2.1', port: 7 } }) });
      driver.wire.connect();
      expect([driver.wire.dials[0]?.to, saidBy(driver)]).toEqual([to, `04010007c0000201${hex(user)}00`]);
    });

    it.each([
      ['socks4://me:secret@proxy', 'to have no password, got one that has; SOCKS4 cannot send it, socks5 can'],
      ['socks5://me:secret@proxy', 'scheme socks4: or socks4a:, got socks5:'],
    ])('%s is refused without a word of its credentials', (url, message) => {
      expect(() => socks4(url)).toThrow(TypeError);
      expect(() => socks4(url)).toThrow(message);
      expect(() => socks4(url)).not.toThrow(/secret|\bme\b/);
    });
  });

  describe('what is thrown', () => {
    it.each<[string, unknown, string]>([
      ['no options', undefined, 'expected an object of options for socks4'],
      ['a password, which SOCKS4 does not have', { ...proxy, pass: 'x' }, '`pass`'],
      ['a host with CR and LF', { ...proxy, host: 'a\r\nb' }, '`host` of socks4'],
      ['a user with NUL', { ...proxy, userId: 'a\0b' }, '`userId` of socks4'],
      ['a user of 256 bytes', { ...proxy, userId: `${'x'.repeat(254)}é` }, 'got a string of 256 bytes'],
      ['a user that is no string', { ...proxy, userId: 7 }, '`userId` of socks4'],
    ])('at the call: %s', (_, options, message) => {
      const call = (): unknown => socks4(options as Socks4Options);
      expect(call).toThrow(TypeError);
      expect(call).toThrow(message);
    });

    it('not for a user with CR and LF, nor for one of 255 bytes', () => {
      for (const userId of ['a\r\nb', 'x'.repeat(255), '']) expect(() => socks4({ ...proxy, userId })).not.toThrow();
    });

    it.each<[string, Target | undefined, string]>([
      ['no target', undefined, '{fh} already connected'],
      ['a path', { path: '/tmp/x' }, 'expected a target with host and port for socks4, got a path'],
    ])('at the dial: %s', (_, to, message) => {
      const dial = (): unknown => socks4(proxy)(() => () => NEVER)(testDial(to ? { to } : {}));
      expect(dial).toThrow(TypeError);
      expect(dial).toThrow(message);
    });
  });

  describe("resolve: 'local'", () => {
    const local = (...found: { address: string; family: number }[]): { options: Socks4Options; families: unknown[] } => {
      const families: unknown[] = [];
      const lookup: Lookup = (_host, { family }, callback) => {
        families.push(family);
        callback(null, found);
      };
      return { options: { ...proxy, resolve: 'local', lookup }, families };
    };

    it('sends the first IPv4 address that is found', () => {
      const { options, families } = local({ address: '::1', family: 6 }, { address: '192.0.2.1', family: 4 });
      expect([saidBy(asked(TARGET, options)), families]).toEqual(['04010007c000020100', [4]]);
    });

    it('errors with EDNS if there is none, and sends nothing', () => {
      const driver = asked(TARGET, local({ address: '::1', family: 6 }).options);
      expect(driver.error).toMatchObject({ code: 'EDNS', phase: 'resolve', layer: 'proxy' });
      expect(driver.wire.down).toEqual([]);
    });
  });

  describe('on loopback', () => {
    spec.each([
      [0, []],
      [5, [[NAMED, '005a1f900a']]],
    ] as [number, Exchange][])('errors if the proxy closes after %i bytes of its reply', (h, _at, exchange) =>
      errorsWhenLeft(h, { plugin: (port) => socks4({ host, port }), to: TARGET, exchange }),
    );

    spec('emits CONNECTED, IN and EOF, never RESOLVED, and all of the payload after the reply', async (h) => {
      for (const [options, to, exchange] of Object.values(variants))
        await passesPayload(h, { plugin: (port) => socks4({ ...options, host, port }), to, exchange });
    });
  });
});
