import { firstValueFrom, NEVER } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { open } from 'rxjs-io-stream';
import { socks5Server } from '../../../examples/socks5-server.ts';
import { socks5, type Socks5Options } from '../../../src/plugins/proxy/socks5.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Lookup } from '../../../src/wire/resolve.ts';
import type { Target } from '../../../src/wire/signal.ts';
import { spec } from '../../support/spec.ts';
import { served } from '../../support/loopback.ts';
import { data, inWords, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { stepsOf, type Exchange } from '../../support/socks-peer.ts';
import { errorsWhenLeft, passesPayload } from './socks-contract.ts';

const host = '127.0.0.1';
const proxy: Socks5Options = { host, port: 1080 };
const login: Socks5Options = { ...proxy, user: 'user', pass: 'secret' };
const hex = (text: string): string => Buffer.from(text).toString('hex');
const request = (name: string): string => `050100 03${name.length.toString(16).padStart(2, '0')}${hex(name)} 0007`;
const BOUND = '050000 01 0a000001 1f90';
const TARGET = { host: 'target.test', port: 7 };

const variants: Record<string, readonly [options: Socks5Options, exchange: Exchange]> = {
  'without authentication': [
    proxy,
    [
      ['050100', '0500'],
      [request(TARGET.host), BOUND],
    ],
  ],
  'with user and password': [
    login,
    [
      ['05020002', '0502'],
      [`0104${hex('user')}06${hex('secret')}`, '0100'],
      [request(TARGET.host), BOUND],
    ],
  ],
  'with user and password that are not wanted': [
    login,
    [
      ['05020002', '0500'],
      [request(TARGET.host), BOUND],
    ],
  ],
};

/** A lookup function that answers at once. */
const knows =
  (...addresses: { address: string; family: number }[]): Lookup =>
  (_host, _options, callback) =>
    callback(null, addresses);
const asked = (to: Target, options: Socks5Options = proxy): PluginDriver => {
  const driver = new PluginDriver(socks5(options), { dial: testDial({ to, layer: 'proxy' }) });
  driver.wire.connect();
  driver.wire.emit(data('\x05\0'));
  return driver;
};
const saidBy = ({ wire }: PluginDriver): string => Buffer.from(textOf(wire.down), 'latin1').toString('hex');

describe('socks5', () => {
  it.each(Object.keys(variants))('keeps the rules of a plugin, %s', async (name) => {
    const [options, exchange] = variants[name]!;
    (await checkPlugin(socks5(options), stepsOf(exchange), { to: TARGET })).assert();
  });

  it('dials the proxy, requests the target, and reports the bound address', () => {
    const driver = asked(TARGET);
    driver.wire.emit(data('\x05\0\0\x01\x0a\0\0\x01\x1f\x90payload'));
    expect(driver.wire.dials[0]?.to).toEqual({ host, port: 1080 });
    expect(driver.up[0]).toMatchObject({
      kind: 'connected',
      details: [{ layer: 'proxy', boundAddress: '10.0.0.1', boundPort: 8080 }, { wire: 'scripted' }],
    });
    expect(inWords(driver.up)).toEqual(['connected', 'data payload']);
  });

  it.each([
    ['an IPv6 address in brackets', '[2001:db8::1]', `0420010db8${'00'.repeat(11)}01`],
    ['an IPv6 address', '::1', `04${'00'.repeat(15)}01`],
    ['an IPv4 address', '192.0.2.1', '01c0000201'],
    ['a name', 'a_b.test', `0308${hex('a_b.test')}`],
    ['a name that is not ASCII', 'bücher.test', `0312${hex('xn--bcher-kva.test')}`],
  ])('asks for %s', (_, name, bytes) => {
    expect(saidBy(asked({ host: name, port: 7 }))).toBe(`050100050100${bytes}0007`);
  });

  describe('what is thrown', () => {
    const wrong: [string, unknown, string][] = [
      ['no options', undefined, 'expected an object of options for socks5'],
      ['an unknown option', { ...proxy, username: 'x' }, '`username`'],
      ['a port that is none', { host, port: 0 }, '`port` of socks5'],
      ['a user without a password', { ...proxy, user: 'secret' }, '`user` and `pass` of socks5 both or none'],
      ['a password without a user', { ...proxy, pass: 'secret' }, '`user` and `pass` of socks5 both or none'],
      ['an empty user', { ...login, user: '' }, '`user` of socks5 to be a string of 1 to 255 bytes in UTF-8, got a string of 0 bytes'],
      ['a user of 256 bytes', { ...login, user: 'x'.repeat(256) }, 'got a string of 256 bytes'],
      ['a password of 300 bytes', { ...login, pass: 'secret'.repeat(50) }, 'got a string of 300 bytes'],
      ['a password over the edge by its last character', { ...login, pass: `${'x'.repeat(254)}é` }, 'got a string of 256 bytes'],
      [
        'a password that is a number',
        { ...login, pass: 48151623 },
        '`pass` of socks5 to be a string of 0 to 255 bytes in UTF-8, got a number',
      ],
      ['a password that is an object', { ...login, pass: { secret: 'secret' } }, 'got an object'],
      ['a user that is a number', { ...login, user: 48151623 }, 'got a number'],
    ];
    it.each(wrong)('at the call: %s', (_, options, message) => {
      const call = (): unknown => socks5(options as Socks5Options);
      expect(call).toThrow(TypeError);
      expect(call).toThrow(message);
      expect(call).not.toThrow(/secret|48151623/);
    });

    it('not for user and password of 1 and of 255 bytes, nor for an empty password', () => {
      expect(() => socks5({ ...login, pass: '' })).not.toThrow();
      for (const pass of ['x', 'x'.repeat(255), `${'x'.repeat(253)}é`]) expect(() => socks5({ ...login, user: pass, pass })).not.toThrow();
    });

    it.each<[string, Target | undefined, string]>([
      ['no target', undefined, '{fh} already connected'],
      ['a path', { path: '/tmp/x' }, 'expected a target with host and port for socks5, got a path'],
      ['a name that IDNA does not know', { host: '\u00ad', port: 7 }, 'ASCII'],
    ])('at the dial: %s', (_, to, message) => {
      const dial = (): unknown => socks5(proxy)(() => () => NEVER)(testDial(to ? { to } : {}));
      expect(dial).toThrow(TypeError);
      expect(dial).toThrow(message);
    });
  });

  it('sends nothing if the name of the target is too long, and does not resolve it', () => {
    const driver = asked({ host: 'x'.repeat(256), port: 7 });
    expect(driver.error).toMatchObject({ code: 'EPROXY', phase: 'handshake', layer: 'proxy' });
    expect((driver.error as Error).message).toContain('too long');
    expect([driver.wire.down, driver.wire.freed]).toEqual([[], true]);
  });

  describe('a URL', () => {
    const dialled = (url: string | URL): unknown => {
      const made = new PluginDriver(socks5(url), { dial: testDial({ to: TARGET, layer: 'proxy' }) });
      made.wire.connect();
      made.wire.emit(data('\x05\x02\x01\0'));
      return [made.wire.dials[0]?.to, saidBy(made)];
    };

    it.each([
      'socks5://user:p%40ss%2F%C3%A9@proxy.test:1081',
      'SOCKS5://user:p%40ss%2F%C3%A9@proxy.test:1081/',
      'socks5h://user:p%40ss%2Fé@proxy.test:1081',
      new URL('socks5://user:p%40ss%2Fé@proxy.test:1081'),
    ])('%s is host, port, user and password', (url) => {
      expect(dialled(url)).toEqual([
        { host: 'proxy.test', port: 1081 },
        `05020002 0104${hex('user')}07${hex('p@ss/é')} ${request(TARGET.host)}`.replaceAll(' ', ''),
      ]);
    });

    it('has port 1080 and no credentials by default, and may have an address in brackets', () => {
      expect(dialled('socks5://[::1]')).toEqual([{ host: '[::1]', port: 1080 }, '050100']);
    });

    it('may have a user without a password', () => {
      expect(dialled('socks5://user@proxy.test')).toMatchObject({ 1: expect.stringContaining(`0104${hex('user')}00`) as string });
    });

    it.each([
      ['http://me:secret@proxy:1080', 'scheme socks5: or socks5h:, got http:'],
      ['socks4://me:secret@proxy:1080', 'scheme socks5: or socks5h:, got socks4:'],
      [`socks5://${'secret'.repeat(50)}@proxy:1080`, '`user` of socks5 to be a string of 1 to 255 bytes'],
      ['socks5://:secret@proxy:1080', '`user` of socks5 to be a string of 1 to 255 bytes'],
    ])('%s is refused without a word of its credentials', (url, message) => {
      for (const given of [url, new URL(url)]) {
        expect(() => socks5(given)).toThrow(TypeError);
        expect(() => socks5(given)).toThrow(message);
        expect(() => socks5(given)).not.toThrow(/secret|\bme\b/);
      }
    });
  });

  describe("resolve: 'local'", () => {
    const local = (lookup: Lookup): Socks5Options => ({ ...proxy, resolve: 'local', lookup });

    it('sends the first address that is found', () => {
      const lookup = knows({ address: '2001:db8::1', family: 6 }, { address: '192.0.2.1', family: 4 });
      expect(saidBy(asked(TARGET, local(lookup)))).toBe(`0501000501000420010db8${'00'.repeat(11)}010007`);
    });

    it('sends nothing while it waits', () => {
      const driver = asked(
        TARGET,
        local(() => {}),
      );
      expect([driver.wire.down, driver.state]).toEqual([[], 'open']);
    });

    it('does not resolve an address', () => {
      const lookup: Lookup = () => expect.unreachable('asked');
      expect(saidBy(asked({ host: '192.0.2.1', port: 7 }, local(lookup)))).toBe('05010005010001c00002010007');
    });

    it('errors with EDNS when there is none, and after timeouts.resolve', () => {
      const none = asked(TARGET, local(knows()));
      expect(none.error).toMatchObject({ code: 'EDNS', phase: 'resolve', layer: 'proxy' });
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const dial = testDial({ to: TARGET, scheduler, timeouts: { resolve: 100, handshake: 5000 } });
      const late = new PluginDriver(socks5(local(() => {})), { dial });
      late.wire.connect();
      scheduler.flush();
      expect(late.error).toMatchObject({ code: 'EDNS', phase: 'resolve', cause: { code: 'ETIMEOUT' } });
      expect([late.wire.down, late.wire.freed]).toEqual([[], true]);
    });
  });

  describe('on loopback', () => {
    const steps = Object.entries(variants).flatMap(([name, [options, exchange]]) =>
      Array.from({ length: exchange.length }, (_, at) => [name, at, options, exchange.slice(0, at)] as const),
    );

    spec.each(steps)('%s, errors if the proxy closes after %i of its replies', async (h, _name, _at, options, exchange) => {
      h.secret('secret');
      await errorsWhenLeft(h, { plugin: (port) => socks5({ ...options, host, port }), to: TARGET, exchange });
    });

    spec('emits CONNECTED, IN and EOF, never RESOLVED, and all of the payload after the reply', async (h) => {
      for (const [options, exchange] of Object.values(variants))
        await passesPayload(h, { plugin: (port) => socks5({ ...options, host, port }), to: TARGET, exchange });
    });

    spec('carries a MiB each way through a server, and through two of them', async (h) => {
      h.secret('secret');
      const echo = (await served(h, (socket) => socket.pipe(socket))) as { host: string; port: number };
      const ports: number[] = [];
      for (const options of [{}, { user: 'user', pass: 'secret' }]) {
        const server = await h.observed(socks5Server({ local: true, ...options })).value();
        ports.push((server.address as { port: number }).port);
      }
      const near = socks5({ host, port: ports[0]! });
      const far = socks5({ ...login, port: ports[1]! });
      for (const plugin of [{ near }, { far }, { near, far }]) {
        const io = await open({ ...echo, plugin, allowHalfOpen: true });
        const given = Buffer.alloc(2 ** 20, 'some bytes');
        io.end(given);
        const chunks: Buffer[] = [];
        for await (const bytes of io) chunks.push(bytes);
        h.sameBytes(chunks, given);
        io.close();
        await firstValueFrom(io.closed$);
      }
    });
  });
});
