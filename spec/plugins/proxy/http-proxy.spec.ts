import { inspect } from 'node:util';

import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import type { HttpProxyOptions } from '../../../src/plugins/proxy/http-proxy-options.ts';
import { httpProxy } from '../../../src/plugins/proxy/http-proxy.ts';
import { IOStreamError } from '../../../src/errors.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { rechunk } from '../../../src/testing/rechunk.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import { END } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { data, inWords, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { PROXY, ASKED, OPENED, DENIED, WHO, drive, talking } from './http-proxy-tools.ts';

describe('httpProxy', () => {
  it('dials the proxy, sends the request, and emits the bytes after the reply, wherever it is cut', () => {
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

  it('sends nothing to a wire that is not connected, and does not pass on `resolved`', () => {
    const { wire, up } = drive();
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

  it('emits an end that arrives right after the reply', () => {
    const { wire, up } = talking();
    wire.emit(data(OPENED), END);
    expect(inWords(up)).toEqual(['connected', 'end']);
  });

  it.each(Array.from({ length: OPENED.length }, (_, count) => count))('reports EPROXY for an end after %i bytes of the reply', (count) => {
    const made = talking();
    if (count > 0) made.wire.emit(data(OPENED.slice(0, count)));
    made.wire.emit(END);
    expect(made.error).toMatchObject({ code: 'EPROXY', phase: 'handshake', layer: 'proxy' });
    expect((made.error as Error).message).toContain(`(${count} bytes received)`);
    expect([made.up, made.wire.freed]).toEqual([[], true]);
  });

  describe('a connection that breaks', () => {
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

    it('before or after the reply is passed on unchanged', () => {
      for (const before of [
        (_: PluginDriver) => {},
        (made: PluginDriver) => made.wire.emit({ kind: 'connected', details: [] }, data(OPENED)),
      ]) {
        const made = drive();
        before(made);
        const error = reset();
        made.wire.fail(error);
        expect(made.error).toBe(error);
      }
    });

    it('by our own reset errors with our reason, also within the body of a refusal', () => {
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
    it('is EPROXY with the text of the proxy, and frees the wire', () => {
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

    it('of the credentials is EPROXYAUTH, once, without the credentials', () => {
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
        String.raw`proxy: the proxy refused to connect to target.test:443: 403 \u009b31m \u0085 [EPROXY]`,
      );
    });

    it('by what is no HTTP proxy quotes what came, at its first byte', () => {
      const made = talking();
      made.wire.emit(data('220 smtp.test ESMTP\r\n'));
      expect(made.error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
      expect((made.error as Error).message).toBe(
        String.raw`proxy: the reply has no status line of HTTP/1: "220 smtp.test ESMTP\r\n" [EPROTOCOL]`,
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

  it('reports ETOHANDSHAKE for a reply that arrives too slowly', () => {
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

  it('sends no byte of the application to a proxy that refuses', () => {
    for (const reply of [WHO, DENIED, 'garbage\r\n\r\n']) {
      const made = drive({ user: 'me', pass: 'pw' });
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

  it('names the proxy of a chain that refused, also in the message', () => {
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
      expect((made.error as Error).message).toMatch(new RegExp(`^${layer}: the proxy refused to connect to `));
    }
  });

  it.each<[string, Partial<HttpProxyOptions>, string]>([
    ['without credentials', {}, ASKED],
    ['with them', { user: 'me', pass: 'pw' }, `${ASKED.slice(0, -2)}Proxy-Authorization: Basic bWU6cHc=\r\n\r\n`],
    ['with `auth`', { auth: () => 'Bearer t' }, ASKED],
  ])('keeps the rules of plugins %s', async (_, options, expected) => {
    const peer = [{ expect: expected }, { send: 'HTTP/1.1 100 Continue\r\n\r\n' }, { send: OPENED }];
    const report = await checkPlugin(httpProxy({ ...PROXY, ...options }), peer, { to: { host: 'target.test', port: 443 } });
    report.assert();
  });

  it('keeps them when it asks twice', async () => {
    const again = `${ASKED.slice(0, -2)}Proxy-Authorization: Bearer t\r\n\r\n`;
    const peer = [{ expect: ASKED }, { send: WHO }, { expect: again }, { send: OPENED }];
    const report = await checkPlugin(httpProxy({ ...PROXY, auth: () => 'Bearer t' }), peer, { to: { host: 'target.test', port: 443 } });
    report.assert();
  });
});
