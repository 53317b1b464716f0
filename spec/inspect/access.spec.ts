import { execFile } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { inspect } from 'rxjs-io-stream/inspect';
import { inspected } from '../support/inspected.ts';
import { spec } from '../support/spec.ts';

describe('the page of inspect', () => {
  spec('is served with headers that let no other page read, frame or store it', async (h) => {
    const page = await inspected(h);
    const { status, headers, body } = await page.ask();
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    const [, nonce = ''] = /script-src 'nonce-([^']+)'/.exec(headers['content-security-policy'] as string) ?? [];
    expect(nonce).toHaveLength(24);
    // Each script and style has the nonce, and no attribute is a script.
    expect(body.match(/<(script|style)\b[^>]*>/g)).toEqual([`<style nonce="${nonce}">`, `<script nonce="${nonce}">`]);
    expect(body).not.toMatch(/<[^>]+\s(?:on\w+|style)=/);
    expect((await page.ask()).body).not.toContain(nonce);
  });

  spec('does not contain its token, and needs it for each path', async (h) => {
    const page = await inspected(h);
    const { token } = page;
    expect(token).toMatch(/^[\w-]{32}$/);
    expect((await page.ask()).body).not.toContain(token);
    const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    for (const path of ['/', '/state', `/${wrong}/`, `/${token}x/state`, `/${token.slice(1)}/`, `//${token}/`, `/x/${token}/`]) {
      const { status, body } = await page.ask({ fullPath: path });
      expect([path, status]).toEqual([path, 403]);
      expect(body).toMatch(/^expected the token at the start of the path/);
      expect(body).not.toContain(token);
    }
    expect((await page.ask({ fullPath: `/${wrong}/connections/1/reset`, method: 'POST' })).status).toBe(403);
  });

  spec('adds the slash that a URL without its end lacks, only if the token is right', async (h) => {
    const { token, ask } = await inspected(h);
    for (const fullPath of [`/${token}`, `/${token}?x`]) {
      const { status, headers } = await ask({ fullPath });
      expect([status, headers.location]).toEqual([308, `/${token}/`]);
    }
    expect((await ask({ fullPath: `/${token.slice(1)}` })).status).toBe(403);
  });

  spec('has a token of its own for each subscription', async (h) => {
    const [one, other] = [await inspected(h), await inspected(h)];
    expect(one.token).not.toBe(other.token);
    expect((await one.ask({ fullPath: `/${other.token}/` })).status).toBe(403);
  });

  spec('takes a token of yours', async (h) => {
    const page = await inspected(h, { token: 'correct-horse_battery' });
    expect(page.token).toBe('correct-horse_battery');
    expect((await page.ask()).status).toBe(200);
  });

  spec.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:1', 200],
    ['localhost:8080', 200],
    ['LOCALHOST', 200],
    ['[::1]:9230', 200],
    ['evil.example', 403],
    ['evil.example:9230', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1@evil.example', 403],
    ['10.0.0.1', 403],
    ['0.0.0.0', 403],
  ])('answers a request to the host "%s" with %i', async (h, host, status) => {
    const { status: got, body } = await (await inspected(h)).ask({ headers: { host } });
    expect(got).toBe(status);
    if (status === 403)
      expect(body).toBe(`expected Host to be a name of loopback, got "${host}"; add the name to \`allowHosts\` of inspect()`);
  });

  spec('answers requests to a name of `allowHosts`', async (h) => {
    const page = await inspected(h, { allowHosts: ['Build-7.lan', 'fd00::7'] });
    for (const host of ['build-7.lan', 'BUILD-7.LAN:80', '[fd00::7]:80']) expect((await page.ask({ headers: { host } })).status).toBe(200);
    expect((await page.ask({ headers: { host: 'build-8.lan' } })).status).toBe(403);
  });

  spec('refuses requests of other pages, for reading and for actions', async (h) => {
    const page = await inspected(h);
    const host = `127.0.0.1:${page.port}`;
    const action = { path: 'connections/1/reset', method: 'POST' };
    for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${page.port + 1}`, 'http://localhost', '', 'x'])
      for (const what of [{}, action]) expect((await page.ask({ ...what, headers: { host, origin } })).status).toBe(403);
    for (const site of ['cross-site', 'same-site'])
      expect((await page.ask({ ...action, headers: { host, 'sec-fetch-site': site } })).status).toBe(403);
    expect((await page.ask({ headers: { host, 'sec-fetch-site': 'none' } })).status).toBe(200);
    // The number of no connection: the request itself is allowed.
    expect((await page.ask({ ...action, headers: { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' } })).status).toBe(404);
  });

  spec('repeats a long or invisible header of a refused request only in part, and escaped', async (h) => {
    const { body } = await (await inspected(h)).ask({ headers: { host: `<b>\u0085${'x'.repeat(500)}` } });
    expect(body).toMatch(/^expected Host .*, got "<b>\\u0085x{70,80}"; add/);
  });

  spec.each([
    ['GET', 'connections/1/reset', 405, 'POST'],
    ['POST', '', 405, 'GET, HEAD'],
    ['DELETE', 'state', 405, 'GET, HEAD'],
    ['POST', 'connections/1/explode', 404, undefined],
    ['GET', 'recordings/1.txt', 404, undefined],
    ['GET', '../../etc/passwd', 404, undefined],
    ['GET', 'state/more', 404, undefined],
  ] as const)('answers %s %s with %i', async (h, method, path, status, allow) => {
    const page = await inspected(h);
    const answer = await page.ask({ method, path });
    expect([answer.status, answer.headers.allow]).toEqual([status, allow]);
    expect(answer.body).toMatch(/^expected .*, got /);
  });

  spec('answers HEAD without a body, and discards the body of a request', async (h) => {
    const page = await inspected(h);
    expect(await page.ask({ method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    const reply = await page.ask({ path: 'connections/1/close', method: 'POST', body: 'x'.repeat(1_000_000) });
    expect(reply.status).toBe(404);
  });
});

describe('inspect', () => {
  spec('errors with EADDRINUSE if the port is in use, and subscribes to nothing', async (h) => {
    const other = createServer().listen(0, '127.0.0.1');
    h.defer(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const page = h.observed(inspect({ port }));
    await page.ended;
    expect(page.state).toBe('error');
    h.error(page.error, { code: 'EADDRINUSE', phase: 'connect' });
    expect(channel('rxjs-io-stream:connection:dial').hasSubscribers).toBe(false);
  });

  spec('subscribes to the channels while it is subscribed, and frees the port and its sockets at unsubscribe', async (h) => {
    const names = ['dial', 'resolved', 'attempt', 'handshake', 'connected', 'pause', 'resume', 'error', 'closed'];
    const subscribed = (): string[] => names.filter((name) => channel(`rxjs-io-stream:connection:${name}`).hasSubscribers);
    const page$ = inspect();
    expect(subscribed()).toEqual([]);
    const page = h.observed(page$);
    await h.until(() => page.values.length === 1);
    const { url = '', port } = page.values[0] ?? {};
    await (await fetch(`${url}state`)).text(); // leaves an idle socket
    expect(subscribed()).toEqual(names);
    page.unsubscribe();
    expect(subscribed()).toEqual([]);
    const next = createServer().listen(port, '127.0.0.1');
    h.defer(() => next.close());
    await once(next, 'listening');
  });

  spec('lets the process exit while it is subscribed', async () => {
    // A browser has a connection open: neither end of it keeps the process alive.
    const program = `import { connect } from 'node:net';
      import { inspect } from './src/inspect.ts';
      inspect().subscribe(({ port }) => {
        const browser = connect(port, '127.0.0.1', () => browser.unref().write('GET / HTTP/1.1\\r\\n'));
        browser.once('close', () => console.log('closed by the page'));
        console.log('served');
      });`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]);
    expect(stdout).toBe('served\n');
  });

  spec('listens on nothing if it is unsubscribed at once', async (h) => {
    for (const host of ['127.0.0.1', 'localhost']) h.observed(inspect({ host })).unsubscribe();
  });

  spec.each([
    [{ port: -1 }, 'expected `port` of inspect to be an integer from 0 to 65535, got -1 (number)'],
    [{ port: '80' }, 'expected `port` of inspect to be an integer from 0 to 65535, got "80" (string)'],
    [
      { host: '0.0.0.0' },
      'expected `host` of inspect to be a loopback address, got "0.0.0.0" (string); to show the page to other machines, list the names by which they reach it in `allowHosts`',
    ],
    [{ host: '::' }, /^expected `host` of inspect to be a loopback address, got "::"/],
    [{ host: 'build-7.lan' }, /^expected `host` of inspect to be a loopback address/],
    [{ host: '128.0.0.1' }, /^expected `host` of inspect to be a loopback address/],
    [{ allowHosts: 'x' }, 'expected `allowHosts` of inspect to be a list of names and addresses, without ports, got "x" (string)'],
    [
      { allowHosts: ['build-7.lan:80'] },
      'expected `allowHosts` of inspect to be a list of names and addresses, without ports, got an array of 1',
    ],
    [
      { token: 'short-secret' },
      'expected `token` of inspect to be at least 16 characters of A-Z, a-z, 0-9, - and _, got a string of 12 bytes',
    ],
    [{ token: 'with/slash/in/the/path' }, /^expected `token` of inspect to be .*, got a string of 22 bytes$/],
    [{ maxConnections: 0 }, 'expected `maxConnections` of inspect to be a number of connections, 1 or more, got 0 (number)'],
    [{ interval: 10 }, 'expected `interval` of inspect to be a number of milliseconds from 50 to 60000, got 10 (number)'],
    [{ recordLimit: NaN }, 'expected `recordLimit` of inspect to be a number of bytes, got NaN (number)'],
    [{ prot: 1 }, /unknown option `prot`|`prot`/],
    [null, /^expected an object of options for inspect, got null/],
  ])('throws for the options %j', (_h, options, message) => {
    expect(() => inspect(options as never)).toThrow(TypeError);
    expect(() => inspect(options as never)).toThrow(message);
  });

  spec('listens on the loopback addresses that you name', async (h) => {
    for (const host of ['127.0.0.2', 'localhost', '::1']) {
      const page = h.observed(inspect({ host }));
      await h.until(() => page.values.length === 1 || page.state === 'error');
      // A machine may have no IPv6.
      if (host !== '::1' || page.state !== 'error') expect((await fetch(`${page.values[0]?.url}state`)).status).toBe(200);
      page.unsubscribe();
    }
  });

  spec('listens on all addresses for the names of `allowHosts`, and puts the first into the URL', async (h) => {
    const page = await inspected(h, { host: '0.0.0.0', allowHosts: ['build-7.lan'] });
    expect(page.url).toMatch(/^http:\/\/build-7\.lan:\d+\//);
    expect((await page.ask({ headers: { host: 'build-7.lan' } })).status).toBe(200);
  });
});
