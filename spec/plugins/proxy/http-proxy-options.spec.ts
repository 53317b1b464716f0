import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { HttpProxyOptions } from '../../../src/plugins/proxy/http-proxy-options.ts';
import { httpProxy } from '../../../src/plugins/proxy/http-proxy.ts';
import { testDial, type TestDialOptions } from '../../../src/testing/test-dial.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { ScriptedWire } from '../../support/scripted-wire.ts';
import { textOf } from '../../support/signal-text.ts';
import { PROXY, ASKED, asked } from './http-proxy-tools.ts';

describe('httpProxy', () => {
  describe('its options', () => {
    it.each<[unknown, string]>([
      [undefined, 'an object of options'],
      [null, 'an object of options'],
      [{ ...PROXY, username: 'u', password: 'secret' }, 'unknown option `username`; did you mean `user`?'],
      [{ host: 'http://u:secret@proxy', port: 1 }, '`host`'],
      [{ host: 'u:secret@proxy', port: 1 }, '`host`'],
      [{ host: 'p', port: 'secret' }, '`port`'],
      [{ ...PROXY, headers: 'Proxy-Authorization: secret' }, '`headers`'],
      [{ ...PROXY, headers: [['Proxy-Authorization: secret', '']] }, '`headers`'],
      [{ port: 1 }, '`host`'],
      [{ host: '', port: 1 }, '`host`'],
      ...['a\rb', 'a\nb', 'a\0b', 'a b', 'a@b', 'a/b', 'a#b'].map((host): [unknown, string] => [{ host, port: 1 }, '`host`']),
      [{ host: 'p' }, '`port`'],
      [{ host: 'p', port: '80' }, '`port`'],
      [{ host: 'p', port: 0 }, '`port`'],
      [{ host: 'p', port: 65536 }, '`port`'],
      [{ ...PROXY, user: 'u' }, 'both `user` and `pass`'],
      [{ ...PROXY, pass: 'secret' }, 'both `user` and `pass`'],
      [{ ...PROXY, user: 'u', pass: 48151623 }, '`pass` of httpProxy to be a string, got a number'],
      [{ ...PROXY, user: 'u', pass: { secret: 1 } }, '`pass` of httpProxy to be a string, got an object'],
      [{ ...PROXY, user: 48151623, pass: 'secret' }, '`user` of httpProxy to be a string, got a number'],
      [
        'https://me:secret@proxy',
        "scheme http:, got https:; for TLS to the proxy, lay `tlsClient` below: { proxy: httpProxy('http://host:443')",
      ],
      [new URL('https://me:secret@proxy'), 'got https:; for TLS to the proxy'],
      ['socks5://me:secret@proxy', 'expected the URL of httpProxy to have the scheme http:, got socks5:'],
      ['me:secret@proxy:3128', 'without a scheme'],
      ['http://m%3Ae:secret@proxy', '`user`'],
      ['http://me:secret%00@proxy', '`pass`'],
      ['http://me:secret@proxy:0', '`port`'],
      [{ ...PROXY, user: 'u:v', pass: 'secret' }, '`user`'],
      [{ ...PROXY, user: 'u', pass: 'secret\n' }, '`pass`'],
      [{ ...PROXY, headers: { 'X-A': 'secret\r\nB: c' } }, '`X-A`'],
      [{ ...PROXY, headers: { Host: 'other' } }, '`Host`'],
      [{ ...PROXY, user: 'u', pass: 'secret', headers: { 'proxy-authorization': 'Basic secret' } }, 'one Proxy-Authorization'],
      [{ ...PROXY, auth: 'secret' }, '`auth`'],
    ])('are refused at the call: %j', (options, words) => {
      const call = (): unknown => httpProxy(options as HttpProxyOptions);
      expect(call).toThrow(TypeError);
      expect(call).toThrow(words);
      expect(call).not.toThrow(/secret|48151623/);
    });

    it('are read once', () => {
      const options = { ...PROXY, headers: new Map([['X-A', '1']]) };
      const plugin = httpProxy(options);
      options.port = 9;
      options.headers.set('X-B', '2');
      for (let round = 0; round < 2; round += 1) {
        const { wire } = new PluginDriver(plugin, { dial: testDial({ to: { host: 'target.test', port: 443 } }) });
        wire.connect();
        expect([wire.dials[0]?.to, textOf(wire.down).includes('X-A'), textOf(wire.down).includes('X-B')]).toEqual([PROXY, true, false]);
      }
    });
  });

  describe('a URL', () => {
    it.each<[string | URL, unknown, string | undefined]>([
      ['http://proxy.test', { host: 'proxy.test', port: 80 }, undefined],
      ['http://proxy.test:3128/', { host: 'proxy.test', port: 3128 }, undefined],
      ['http://me:p%40ss%C3%A9@proxy.test:3128', { host: 'proxy.test', port: 3128 }, 'me:p@ssé'],
      [new URL('http://me@[::1]:3128'), { host: '[::1]', port: 3128 }, 'me:'],
    ])('%s is host, port, user and password', (url, to, login) => {
      const made = new PluginDriver(httpProxy(url), { dial: testDial({ to: { host: 'target.test', port: 443 } }) });
      made.wire.connect();
      const header = login === undefined ? '' : `Proxy-Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n`;
      expect([made.wire.dials[0]?.to, textOf(made.wire.down)]).toEqual([to, ASKED.replace(/\r\n$/, `${header}\r\n`)]);
    });
  });

  describe('its target', () => {
    it.each([
      ['target.test', 'target.test'],
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '[::1]'],
      ['[::1]', '[::1]'],
      ['::ffff:127.0.0.1', '[::ffff:127.0.0.1]'],
      ['bücher.example', 'xn--bcher-kva.example'],
      ['under_score.test.', 'under_score.test.'],
    ])('%s is sent as %s', (host, name) => {
      expect(asked(host, 65535)).toBe(`CONNECT ${name}:65535 HTTP/1.1\r\nHost: ${name}:65535\r\n\r\n`);
    });

    it.each([
      'a\rb',
      'a\nb',
      'a\0b',
      'a b',
      'a@b',
      'a/b',
      'a#b',
      'a?b',
      'a%62',
      'a:b',
      'a\\b',
      '',
      '[1.2.3.4]',
      '[::::]',
      'u:secret@target',
      'fe80::1%lo',
      '\u00fc b',
      '\u2100.test',
    ])('%j is refused when it is dialled, before anything else is', (host) => {
      const wire = new ScriptedWire();
      const dialled = (): unknown => httpProxy(PROXY)(wire.wire)(testDial({ to: { host, port: 443 } }));
      expect(dialled).toThrow(TypeError);
      expect(dialled).toThrow('`host`');
      expect(dialled).not.toThrow('secret');
      expect(wire.subscriptions).toBe(0);
    });

    it('must be there, be no path, and have a port', () => {
      const dial = (to?: TestDialOptions['to']) => (): unknown => httpProxy(PROXY)(() => () => NEVER)(testDial({ to }));
      expect(dial()).toThrow('{fh} already connected');
      expect(dial({ path: '/tmp/socket' })).toThrow('a path');
      for (const port of [0, 65536, 1.5, NaN]) expect(dial({ host: 'a', port })).toThrow('`port`');
      for (const to of [undefined, { path: '/x' }, { host: 'a', port: 0 }]) expect(dial(to)).toThrow(TypeError);
    });
  });
});
