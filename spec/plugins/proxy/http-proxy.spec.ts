import { inspect } from 'node:util';
import { EMPTY, NEVER, of, Subject, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { httpProxy, type HttpProxyOptions, type ProxyAuth } from '../../../src/plugins/proxy/http-proxy.ts';
import { IOStreamError } from '../../../src/errors.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { rechunk } from '../../../src/testing/rechunk.ts';
import { testDial, type TestDialOptions } from '../../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { data, inWords, sent, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { ScriptedWire } from '../../support/scripted-wire.ts';

const PROXY = { host: 'proxy.test', port: 3128 };
const ASKED = 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n';
const OPENED = 'HTTP/1.1 200 OK\r\nVia: 1.1 p\r\n\r\n';
const DENIED = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nwhy';
const WHO = 'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n';
const WHO_CLOSES = WHO.replace('HTTP/1.1', 'HTTP/1.0');

const ride = (options: Partial<HttpProxyOptions> = {}, dial: TestDialOptions = {}): PluginDriver =>
  new PluginDriver(httpProxy({ ...PROXY, ...options }), {
    dial: testDial({ to: { host: 'target.test', port: 443 }, layer: 'proxy', ...dial }),
  });
const talking = (options: Partial<HttpProxyOptions> = {}, dial: TestDialOptions = {}): PluginDriver => {
  const made = ride(options, dial);
  made.wire.connect();
  return made;
};
const asked = (host: string, port = 443): string => {
  const made = ride({}, { to: { host, port } });
  made.wire.connect();
  return textOf(made.wire.down);
};

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
    ])('B15: are refused at the call: %j', (options, words) => {
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
    ])('B15: %j is refused when it is dialled, before anything else is', (host) => {
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

  it('A1, A2: dials the proxy, asks, then hands up what came behind the reply, wherever it is cut', () => {
    for (const { name, chunks } of rechunk(`${OPENED}payload`, { random: 100, empty: true })) {
      const { wire, up } = talking();
      for (const bytes of chunks) wire.emit({ kind: 'data', bytes });
      expect([wire.dials[0]?.to, textOf(wire.down), inWords(up)[0], textOf(up)], name).toEqual([PROXY, ASKED, 'connected', 'payload']);
      expect(up[0], name).toEqual({
        kind: 'connected',
        details: [{ layer: 'proxy', status: 200, reply: 'OK', headers: { via: '1.1 p' } }, { wire: 'scripted' }],
      });
    }
  });

  it('says nothing to a wire that is not connected, and tells nothing of its names', () => {
    const { wire, up } = ride();
    wire.emit({ kind: 'resolved', host: PROXY.host, ip: '192.0.2.1', family: 4 });
    expect([wire.down, up]).toEqual([[], []]);
  });

  it('sends Basic credentials and headers', () => {
    const { wire } = talking({ user: 'me', pass: 'pässword', headers: [['X-A', '1']] });
    const encoded = Buffer.from('me:pässword').toString('base64');
    expect(textOf(wire.down)).toBe(`${ASKED.slice(0, -2)}Proxy-Authorization: Basic ${encoded}\r\nX-A: 1\r\n\r\n`);
    expect(textOf(talking({ headers: { 'proxy-AUTHORIZATION': 'Bearer t' } }).wire.down)).toContain(
      '\r\nProxy-Authorization: Bearer t\r\n',
    );
  });

  it('B7: tells an end that comes right behind the reply', () => {
    const { wire, up } = talking();
    wire.emit(data(OPENED), END);
    expect(inWords(up)).toEqual(['connected', 'end']);
  });

  it.each(Array.from({ length: OPENED.length }, (_, count) => count))('B8: an end after %i bytes of the reply is EPROXY', (count) => {
    const made = talking();
    if (count > 0) made.wire.emit(data(OPENED.slice(0, count)));
    made.wire.emit(END);
    expect(made.error).toMatchObject({ code: 'EPROXY', phase: 'handshake', layer: 'proxy' });
    expect((made.error as Error).message).toContain(`after ${count} bytes`);
    expect([made.up, made.wire.freed]).toEqual([[], true]);
  });

  describe('B9: a connection that breaks', () => {
    const reset = (): IOStreamError => new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, facts: { syscall: 'read' } });

    it('within the reply is ECONNRESET of the handshake, with the layer', () => {
      for (const before of ['', OPENED.slice(0, 20)]) {
        const made = talking();
        if (before) made.wire.emit(data(before));
        const cause = reset();
        made.wire.fail(cause);
        expect(made.error).toMatchObject({ code: 'ECONNRESET', errno: -104, phase: 'handshake', layer: 'proxy', syscall: 'read', cause });
      }
    });

    it('before or after it is what the wire says', () => {
      for (const before of [
        (_: PluginDriver) => {},
        (made: PluginDriver) => made.wire.emit({ kind: 'connected', details: [] }, data(OPENED)),
      ]) {
        const made = ride();
        before(made);
        const error = reset();
        made.wire.fail(error);
        expect(made.error).toBe(error);
      }
    });

    it('by our own reset is what we say, within the body of a refusal, too', () => {
      for (const before of ['', 'HTTP/1.1 403 No\r\n\r\nwhy']) {
        const made = talking();
        const reason = new Error('enough');
        if (before) made.wire.emit(data(before));
        made.app.error(reason);
        expect([made.error, made.wire.error]).toEqual([reason, reason]);
      }
    });
  });

  describe('a refusal', () => {
    it('B6: is EPROXY with what the proxy said, and frees the wire', () => {
      const made = talking();
      made.wire.emit(data(DENIED));
      expect(made.error).toMatchObject({
        code: 'EPROXY',
        phase: 'handshake',
        layer: 'proxy',
        status: 403,
        reply: 'Forbidden',
        body: 'why',
      });
      expect([made.up, made.wire.freed]).toEqual([[], true]);
    });

    it('B5: of the credentials is EPROXYAUTH, once, and tells none', () => {
      const made = talking({ user: 'me', pass: 'secret' });
      const encoded = Buffer.from('me:secret').toString('base64');
      made.wire.emit(data(WHO.replace('Who', `${encoded} secret`)), END);
      expect(made.error).toMatchObject({
        code: 'EPROXYAUTH',
        status: 407,
        reply: '*** ***',
        challenges: [{ scheme: 'Basic', params: { realm: 'r' } }],
      });
      expect(inspect(made.error, { depth: 9 })).not.toMatch(new RegExp(`secret|${encoded}`));
    });

    it.each<[string, Partial<HttpProxyOptions>]>([
      ['without `auth`', {}],
      ['with it', { auth: () => undefined }],
    ])('that breaks off is the refusal, with what came and the cause, %s', (_, options) => {
      for (const [line, facts] of [
        ['403 Forbidden', { code: 'EPROXY', status: 403, reply: 'Forbidden' }],
        ['407 Who', { code: 'EPROXYAUTH', status: 407, reply: 'Who', challenges: [] }],
      ] as const) {
        const made = talking(options);
        const cause = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104 });
        made.wire.emit(data(`HTTP/1.1 ${line}\r\nContent-Length: 9\r\n\r\nwhy`));
        made.wire.fail(cause);
        expect(made.error).toMatchObject({ ...facts, phase: 'handshake', layer: 'proxy', body: 'why', cause });
        expect([made.up, made.wire.freed, made.wire.subscriptions]).toEqual([[], true, 1]);
      }
    });

    it.each([
      ['a header', { headers: { 'X-Api-Key': 'k3y-of-mine' } }, 'k3y-of-mine'],
      ['a word of a header', { headers: { Cookie: 'a=b; session=0123456789' } }, '0123456789'],
      ['a password, as in a URL', { user: 'me', pass: 'p@ss wörd' }, encodeURIComponent('p@ss wörd')],
      ['a password, in JSON', { user: 'me', pass: 'p"\\w' }, JSON.stringify('p"\\w').slice(1, -1)],
      ['a password, in HTML', { user: 'me', pass: '<p&w>' }, '&lt;p&amp;w&gt;'],
      ['a password, in hex', { user: 'me', pass: 'secret' }, Buffer.from('secret').toString('hex')],
      ['a password, in Base64', { user: 'me', pass: 'secret' }, Buffer.from('secret').toString('base64')],
      ['a password, as a quoted string', { user: 'me', pass: 'secret' }, String.raw`\s\e\c\r\e\t`],
    ])('that repeats %s does not contain it, nor does a detail', (_, options, repeated) => {
      const headers = `X-Echo: ${repeated}\r\nProxy-Authenticate: Basic realm="${repeated}"\r\n`;
      for (const [status, length] of [
        [200, 0],
        [403, repeated.length],
        [407, repeated.length],
        [302, 2000],
      ] as const) {
        const made = talking(options);
        made.wire.emit(
          data(`HTTP/1.1 ${status} ${repeated}\r\n${headers}Content-Length: ${length}\r\n\r\n${repeated.slice(0, length)}`),
          END,
        );
        const shown = status === 200 ? made.up[0] : made.error;
        expect(shown).toMatchObject(status === 200 ? { kind: 'connected' } : { status, reply: '***', body: '***' });
        expect(inspect(shown, { depth: 9 })).not.toContain(repeated);
        expect(inspect(shown, { depth: 9 })).not.toMatch(/secret|k3y|0123456789/);
      }
    });

    it('keeps what the reply needs of a header that both sides send', () => {
      const made = talking({ headers: { 'Proxy-Connection': 'keep-alive', 'X-A': '1' } });
      made.wire.emit(data('HTTP/1.1 403 No 1\r\nProxy-Connection: keep-alive\r\nContent-Length: 1\r\n\r\nx'));
      expect(made.error).toMatchObject({ reply: 'No 1', headers: { 'proxy-connection': 'keep-alive', 'content-length': '1' } });
    });

    it('has no control character in its message', () => {
      const made = talking();
      made.wire.emit(data('HTTP/1.1 403 \x9b31m \x85\r\nContent-Length: 0\r\n\r\n'));
      expect((made.error as Error).message).toBe(
        String.raw`proxy: expected the proxy to connect to target.test:443, got 403 \u009b31m \u0085`,
      );
    });

    it('by what is no HTTP proxy quotes what came, at its first byte', () => {
      const made = talking();
      made.wire.emit(data('220 smtp.test ESMTP\r\n'));
      expect(made.error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
      expect((made.error as Error).message).toBe(
        String.raw`proxy: expected of the reply a status line of HTTP/1, got "220 smtp.test ESMTP\r\n"`,
      );
    });

    it('comes after half a second though its body does not, with what there is of it', () => {
      for (const head of ['HTTP/1.1 403 Forbidden\r\n\r\n', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n']) {
        const scheduler = new TestScheduler(() => {});
        scheduler.maxFrames = Infinity;
        const made = talking({}, { scheduler });
        let now = -1;
        scheduler.schedule(() => made.wire.emit(data(head)), 100);
        scheduler.schedule(() => made.wire.emit(data('why')), 599);
        scheduler.schedule(() => expect(made.state).toBe('open'), 599);
        scheduler.schedule(() => (now = made.state === 'error' ? 601 : -1), 601);
        scheduler.flush();
        expect(made.error).toMatchObject({ code: 'EPROXY', status: 403, body: 'why' });
        expect([now, made.wire.freed]).toEqual([601, true]);
      }
    });

    it('leaves no timer behind', () => {
      const scheduler = new TestScheduler(() => {});
      for (const end of [
        (made: PluginDriver) => made.wire.emit(END),
        (made: PluginDriver) => made.wire.fail(new Error('x')),
        (made: PluginDriver) => made.unsubscribe(),
      ]) {
        const made = talking({}, { scheduler });
        made.wire.emit(data('HTTP/1.1 403 Forbidden\r\n\r\n'));
        end(made);
        expect(scheduler.actions.filter(({ closed }) => !closed)).toEqual([]);
      }
    });
  });

  it('B14: a reply that drips is ETOHANDSHAKE at the deadline', () => {
    const scheduler = new TestScheduler(() => {});
    scheduler.maxFrames = Infinity;
    const made = talking({}, { scheduler, timeouts: { handshake: 200 }, deadline: 10_000 });
    let over = -1;
    for (let ms = 50; ms < 2000; ms += 50)
      scheduler.schedule(
        () => (made.state === 'open' ? made.wire.emit(data('x'.replace('x', OPENED[ms / 50 - 1] ?? 'x'))) : (over = over < 0 ? ms : over)),
        ms,
      );
    scheduler.flush();
    expect(made.error).toMatchObject({ code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'proxy' });
    expect([over, made.wire.freed]).toEqual([250, true]);
  });

  it('B18: no byte of the application reaches a proxy that refuses', () => {
    for (const reply of [WHO, DENIED, 'garbage\r\n\r\n']) {
      const made = ride({ user: 'me', pass: 'pw' });
      made.app.next(data('queued'));
      made.wire.connect();
      made.app.next(data('more'));
      made.wire.emit(data(reply), END);
      expect([made.state, textOf(made.wire.down).includes('queued'), textOf(made.wire.down).includes('more')]).toEqual([
        'error',
        false,
        false,
      ]);
    }
  });

  describe('auth', () => {
    const bearer: ProxyAuth = ({ attempt }) => `Bearer ${attempt}`;

    it.each<[string, ProxyAuth]>([
      ['a string', () => 'Bearer 1'],
      ['an Observable', () => of('Bearer 1', 'Bearer 2')],
      ['an Observable that does not end', () => new Subject<string>().pipe(() => of('Bearer 1'))],
    ])('answers with %s', (_, auth) => {
      const made = talking({ auth });
      made.wire.emit(data(WHO), data(`${OPENED}left`));
      expect(textOf(made.wire.down).split('\r\n')).toContain('Proxy-Authorization: Bearer 1');
      expect([inWords(made.up), made.wire.subscriptions]).toEqual([['connected', 'data left'], 1]);
    });

    it('answers with a Promise', async () => {
      const made = talking({ auth: async () => 'Bearer 1' });
      made.wire.emit(data(WHO));
      await new Promise(setImmediate);
      made.wire.emit(data(OPENED));
      expect([textOf(made.wire.down).includes('Bearer 1'), inWords(made.up)]).toEqual([true, ['connected']]);
    });

    it.each<[string, ProxyAuth]>([
      ['undefined', () => undefined],
      ['an empty string', () => ''],
      ['an Observable of nothing', () => EMPTY],
    ])('gives up with %s: EPROXYAUTH', (_, auth) => {
      const made = talking({ auth });
      made.wire.emit(data(WHO));
      expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407, layer: 'proxy' });
    });

    it.each<[string, ProxyAuth]>([
      [
        'throws',
        () => {
          throw new Error('vault');
        },
      ],
      ['errors', () => throwError(() => new Error('vault'))],
    ])('that %s is EPROXYAUTH with its cause', (_, auth) => {
      const made = talking({ auth, user: 'me', pass: 'secret' });
      made.wire.emit(data(WHO));
      expect(made.error).toMatchObject({ code: 'EPROXYAUTH', layer: 'proxy', cause: new Error('vault') });
      expect(inspect(made.error, { depth: 9 })).not.toContain('secret');
    });

    it('is asked after `user` and `pass` were refused', () => {
      const made = talking({ auth: bearer, user: 'me', pass: 'pw' });
      made.wire.emit(data(WHO), data(OPENED));
      expect(textOf(made.wire.down).match(/Proxy-Authorization: \w+/g)).toEqual([
        'Proxy-Authorization: Basic',
        'Proxy-Authorization: Bearer',
      ]);
    });

    it.each([
      ['HTTP/1.1', ''],
      ['HTTP/1.0', 'Proxy-Connection: keep-alive\r\n'],
    ])('goes on over the same connection of %s, however late the body of the 407 comes', (version, header) => {
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const made = talking({ auth: bearer }, { scheduler });
      made.wire.emit(data(`${version} 407 Who\r\n${header}Content-Length: 4\r\n\r\n`));
      scheduler.schedule(() => made.wire.emit(data('body')), 20_000);
      scheduler.schedule(() => made.wire.emit(data(OPENED)), 20_001);
      scheduler.flush();
      expect([made.wire.subscriptions, inWords(made.up)]).toEqual([1, ['connected']]);
      expect(textOf(made.wire.down).match(/Bearer \d/g)).toEqual(['Bearer 1']);
    });

    it('waits for the body of a 407 no longer than the handshake may take', () => {
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const made = talking({ auth: bearer }, { scheduler, timeouts: { handshake: 5000 } });
      made.wire.emit(data('HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\n'));
      scheduler.flush();
      expect(made.error).toMatchObject({ code: 'ETOHANDSHAKE' });
    });

    it('reports that each challenge came on a new connection, where that is so', () => {
      const made = ride({ auth: ({ attempt }) => (attempt < 3 ? 'NTLM type1' : undefined) });
      for (let round = 0; round < 3; round += 1) {
        made.wire.connect();
        made.wire.emit(data(WHO_CLOSES), END);
      }
      expect((made.error as Error).message).toBe(
        'proxy: expected the proxy to connect to target.test:443, got 407 Who; it wants Basic; each of its 3 challenges came on a new connection, so no scheme that is bound to one, such as NTLM, can succeed here',
      );
    });

    it('dials again where the proxy closes, without losing a pause or a byte', () => {
      const made = ride({ auth: bearer });
      made.app.next(PAUSE);
      made.wire.connect();
      made.wire.emit(PAUSE, data(WHO_CLOSES));
      expect([made.wire.subscriptions, made.wire.dials.length, made.state]).toEqual([2, 2, 'open']);
      made.wire.connect();
      made.wire.emit(data(`${OPENED}left`));
      expect(inWords(made.wire.down)).toEqual([
        `data ${ASKED}`,
        `data ${ASKED.slice(0, -2)}Proxy-Authorization: Bearer 1\r\n\r\n`,
        'pause',
      ]);
      expect(inWords(made.up)).toEqual(['pause', 'resume', 'connected', 'data left']);
      made.app.next(RESUME);
      made.app.next(data('1234'));
      made.wire.emit(sent(ASKED.length + 'Proxy-Authorization: Bearer 1\r\n'.length), sent(4));
      expect(inWords(made.wire.down).slice(3)).toEqual(['resume', 'data 1234']);
      expect(inWords(made.up).slice(4)).toEqual(['sent 4']);
      made.app.complete();
      made.wire.complete();
      expect([made.wire.flow, made.state, made.app.observed]).toEqual(['complete', 'complete', false]);
    });

    it('dials again when a kept connection ends just then', () => {
      const made = talking({ auth: bearer });
      made.wire.emit(data(WHO), END);
      made.wire.connect();
      made.wire.emit(data(OPENED));
      expect([made.wire.subscriptions, inWords(made.up)]).toEqual([2, ['resume', 'connected']]);
      expect(textOf(made.wire.down).match(/Bearer \d/g)).toEqual(['Bearer 1', 'Bearer 1']);
    });

    describe('when the connection is reset after a 407', () => {
      const reset = (): IOStreamError => new IOStreamError('ECONNRESET', { phase: 'read', errno: -104 });

      it.each([
        ['that closes', WHO_CLOSES],
        ['that keeps it', WHO],
      ])('%s, while it is still asked: dials again with its answer', (_, reply) => {
        const answer = new Subject<string>();
        let asks = 0;
        const made = talking({ auth: () => (asks++, answer) });
        made.wire.emit(data(reply));
        made.wire.fail(reset());
        expect([made.wire.freed, made.state]).toEqual([true, 'open']);
        answer.next('Bearer 1');
        made.wire.connect();
        made.wire.emit(data(`${OPENED}left`));
        expect([asks, made.wire.subscriptions, inWords(made.up)]).toEqual([1, 2, ['resume', 'connected', 'data left']]);
        expect(textOf(made.wire.down)).toBe(`${ASKED}${ASKED.slice(0, -2)}Proxy-Authorization: Bearer 1\r\n\r\n`);
      });

      it.each(['', 'HTTP/1.1 20'])('by the second request, after %j: dials again', (begun) => {
        const made = talking({ auth: bearer });
        made.wire.emit(data(WHO));
        if (begun) made.wire.emit(data(begun));
        made.wire.fail(reset());
        made.wire.connect();
        made.wire.emit(data(OPENED));
        expect([made.wire.subscriptions, inWords(made.up)]).toEqual([2, ['resume', 'connected']]);
      });

      it('each time: is asked five times at the most', () => {
        const made = ride({ auth: bearer });
        for (let round = 0; round < 9 && made.state === 'open'; round += 1) {
          made.wire.connect();
          made.wire.emit(data(WHO));
          made.wire.fail(reset());
        }
        expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407 });
        expect(made.wire.subscriptions).toBe(6);
      });

      it('and it gives up: is EPROXYAUTH all the same', () => {
        const made = talking({ auth: () => undefined });
        made.wire.emit(data(WHO.replace('Length: 0', 'Length: 9')), data('why'));
        made.wire.fail(reset());
        expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407, body: 'why' });
      });

      it.each<[string, (made: PluginDriver) => void, string]>([
        ['closed', (made) => made.app.complete(), 'complete'],
        ['reset', (made) => made.app.error(new Error('why')), 'error'],
        ['left', (made) => made.unsubscribe(), 'unsubscribed'],
      ])('can be %s while it is still asked', (_, leave, state) => {
        const answer = new Subject<string>();
        const made = talking({ auth: () => answer });
        made.wire.emit(data(WHO));
        made.wire.fail(reset());
        leave(made);
        expect([made.state, answer.observed, made.app.observed, made.wire.subscriptions]).toEqual([state, false, false, 1]);
      });

      it('but not when it was dialled again and no reply came, when it is through, or when we close', () => {
        const stages: ((made: PluginDriver) => void)[] = [
          (made) => {
            made.wire.emit(data(WHO_CLOSES));
            made.wire.connect();
          },
          (made) => made.wire.emit(data(WHO), data(OPENED)),
          (made) => {
            made.wire.emit(data(WHO));
            made.app.complete();
          },
        ];
        for (const stage of stages) {
          const made = talking({ auth: bearer });
          stage(made);
          const { subscriptions } = made.wire;
          made.wire.fail(reset());
          expect(made.error).toMatchObject({ code: 'ECONNRESET' });
          expect(made.wire.subscriptions).toBe(subscriptions);
        }
      });
    });

    it('does not dial again when we reset while it answers or is read to its end', () => {
      for (const reply of [WHO, WHO.replace('Length: 0', 'Length: 9')]) {
        const made = talking({ auth: bearer });
        const reason = new Error('why');
        made.wire.emit(data(reply));
        made.app.error(reason);
        expect([made.error, made.wire.error, made.wire.subscriptions]).toEqual([reason, reason, 1]);
      }
    });

    it('gives the last of what came from above to the connection that is dialled again', () => {
      const made = ride({ auth: bearer });
      made.app.next(PAUSE);
      made.wire.connect();
      made.app.next(RESUME);
      made.wire.emit(data(WHO_CLOSES));
      made.wire.connect();
      made.wire.emit(data(OPENED));
      expect(inWords(made.wire.down)).not.toContain('pause');
    });

    it('is asked five times at the most, over however many connections', () => {
      const made = ride({ auth: bearer });
      for (let round = 0; round < 9 && made.state === 'open'; round += 1) {
        made.wire.connect();
        made.wire.emit(data(WHO_CLOSES), END);
      }
      expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407 });
      expect(made.wire.subscriptions).toBe(6);
    });

    it('starts anew for each subscription', () => {
      const plugin = httpProxy({ ...PROXY, auth: bearer });
      for (let round = 0; round < 2; round += 1) {
        const { wire } = new PluginDriver(plugin, { dial: testDial({ to: { host: 'target.test', port: 443 } }) });
        wire.connect();
        expect(textOf(wire.down)).toBe(ASKED);
        wire.emit(data(WHO), data(WHO));
        expect(textOf(wire.down)).toContain('Bearer 2');
      }
    });

    it.each<[string, (made: PluginDriver) => void]>([
      ['unsubscribe', (made) => made.unsubscribe()],
      ['reset', (made) => made.app.error(new Error('why'))],
      [
        'close',
        (made) => {
          made.app.complete();
          made.wire.complete();
        },
      ],
    ])('is left by %s, in each stage', (_, leave) => {
      const answer = new Subject<string>();
      const stages: ((made: PluginDriver) => void)[] = [
        () => {},
        (made) => made.wire.connect(),
        (made) => made.wire.emit(data(WHO_CLOSES)),
        () => answer.next('Bearer 1'),
        (made) => made.wire.connect(),
      ];
      for (let last = 0; last <= stages.length; last += 1) {
        const made = ride({ auth: () => answer });
        for (const stage of stages.slice(0, last)) stage(made);
        leave(made);
        expect([made.app.observed, answer.observed, made.state === 'open'], `stage ${last}`).toEqual([false, false, false]);
        const said = made.wire.down.length;
        answer.next('Bearer 2');
        made.wire.emit(data(OPENED));
        expect([made.wire.down.length, inWords(made.up).filter((word) => word !== 'resume')], `stage ${last}`).toEqual([said, []]);
      }
    });
  });

  it('is chained by stacking: the first in the list is the last in the chain', () => {
    const plugin = httpProxy({ host: '::2', port: 2 });
    const { wire, up } = new PluginDriver((below) => stack({ b: plugin, a: httpProxy({ host: 'first.test', port: 1 }) }, below), {
      dial: testDial({ to: { host: 'target.test', port: 443 } }),
    });
    wire.connect();
    wire.emit(data(`${OPENED}${OPENED}left`));
    expect(wire.dials[0]?.to).toEqual({ host: 'first.test', port: 1 });
    expect(inWords(wire.down)).toEqual(['data CONNECT [::2]:2 HTTP/1.1\r\nHost: [::2]:2\r\n\r\n', `data ${ASKED}`]);
    expect(inWords(up)).toEqual(['connected', 'data left']);
    expect(up[0]).toMatchObject({ details: [{ layer: 'b' }, { layer: 'a' }, { wire: 'scripted' }] });
  });

  it('tells in the message, too, which proxy of a chain refused', () => {
    for (const [replies, layer] of [
      [DENIED, 'a'],
      [`${OPENED}${DENIED}`, 'b'],
    ] as const) {
      const made = new PluginDriver((below) => stack({ b: httpProxy({ host: 'second.test', port: 2 }), a: httpProxy(PROXY) }, below), {
        dial: testDial({ to: { host: 'target.test', port: 443 } }),
      });
      made.wire.connect();
      made.wire.emit(data(replies));
      expect(made.error).toMatchObject({ code: 'EPROXY', layer });
      expect((made.error as Error).message).toMatch(new RegExp(`^${layer}: expected the proxy to connect to `));
    }
  });

  it.each<[string, Partial<HttpProxyOptions>, string]>([
    ['without credentials', {}, ASKED],
    ['with them', { user: 'me', pass: 'pw' }, `${ASKED.slice(0, -2)}Proxy-Authorization: Basic bWU6cHc=\r\n\r\n`],
    ['with `auth`', { auth: () => 'Bearer t' }, ASKED],
  ])('keeps the rules of plugins %s', { timeout: 60_000 }, async (_, options, expected) => {
    const peer = [{ expect: expected }, { send: 'HTTP/1.1 100 Continue\r\n\r\n' }, { send: OPENED }];
    const report = await checkPlugin(httpProxy({ ...PROXY, ...options }), peer, { to: { host: 'target.test', port: 443 } });
    report.assert();
  });

  it('keeps them when it asks twice', { timeout: 60_000 }, async () => {
    const again = `${ASKED.slice(0, -2)}Proxy-Authorization: Bearer t\r\n\r\n`;
    const peer = [{ expect: ASKED }, { send: WHO }, { expect: again }, { send: OPENED }];
    const report = await checkPlugin(httpProxy({ ...PROXY, auth: () => 'Bearer t' }), peer, { to: { host: 'target.test', port: 443 } });
    report.assert();
  });
});
