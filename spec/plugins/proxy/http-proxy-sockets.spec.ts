import { createServer as createTlsServer } from 'node:tls';
import { connect as connectTo } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { Server as ProxyChain } from 'proxy-chain';
import { defer, firstValueFrom, timer, map } from 'rxjs';
import { describe, expect } from 'vitest';
import { IOStream, type IOStreamOptions } from 'rxjs-io-stream';
import { httpProxy } from '../../../src/plugins/proxy/http-proxy.ts';
import type { ProxyChallenge } from '../../../src/protocol/connect-request.ts';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import * as certificates from '../../support/certificates.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { nodeProxy, scriptedProxy } from '../../support/http-proxies.ts';
import { deadPort, pattern, served } from '../../support/loopback.ts';

const MiB = 1024 * 1024;
const OPENED = 'HTTP/1.1 200 OK\r\n\r\n';
const WHO = 'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 2\r\n\r\nno';

type Plugins = NonNullable<IOStreamOptions['plugin']>;

/** A stream through proxies to a target; it is reset at the end of the spec. */
function through(h: Harness, plugin: Plugins, to: { host: string; port: number }): IOStream {
  const io = new IOStream({ ...to, plugin, timeouts: { handshake: 5000 } });
  h.watch(io);
  h.defer(() => io.reset());
  return io;
}

const TARGET = { host: 'target.test', port: 443 };

async function echo(h: Harness): Promise<{ host: string; port: number }> {
  return (await served(h, (socket) => socket.pipe(socket))) as { host: string; port: number };
}

/** Sends a MiB to an echo, ends, and gets it back whole. */
async function roundTrip(h: Harness, io: IOStream): Promise<void> {
  const sent = pattern(MiB);
  const seen = h.observed(io.data$);
  io.end(sent);
  await seen.ended;
  h.sameBytes(seen.values, sent);
}

/** The error the stream ends with. */
async function failure(h: Harness, io: IOStream): Promise<Record<string, unknown>> {
  const { error } = await firstValueFrom(io.closed$);
  h.error(error, { layer: 'proxy', phase: 'handshake' });
  return error as Record<string, unknown>;
}

describe('httpProxy on sockets', () => {
  spec("reaches a target through Node's own HTTP server, both ways and half-closed", async (h) => {
    const urls: string[] = [];
    const proxy = await nodeProxy(h, {
      seen: ({ url, headers }) => urls.push(`${url ?? ''} ${headers.host ?? ''} ${headers['x-a']?.toString() ?? ''}`),
    });
    const to = await echo(h);
    await roundTrip(h, through(h, { proxy: httpProxy({ ...proxy, headers: { 'X-A': 'b' } }) }, to));
    expect(urls).toStrictEqual([`127.0.0.1:${to.port} 127.0.0.1:${to.port} b`]);
  });

  spec('authenticates there: with user and pass, with `auth`, or not', async (h) => {
    h.secret('päss word');
    const proxy = await nodeProxy(h, { credentials: 'me:päss word' });
    const to = await echo(h);
    await roundTrip(h, through(h, { proxy: httpProxy({ ...proxy, user: 'me', pass: 'päss word' }) }, to));
    const vault$ = defer(() => timer(5)).pipe(map(() => `Basic ${Buffer.from('me:päss word').toString('base64')}`));
    await roundTrip(h, through(h, { proxy: httpProxy({ ...proxy, user: 'me', pass: 'wrong', auth: () => vault$ }) }, to));
    const refused = await failure(h, through(h, { proxy: httpProxy({ ...proxy, user: 'you', pass: 'päss word' }) }, to));
    expect([refused.code, refused.status, refused.body]).toStrictEqual(['EPROXYAUTH', 407, 'no']);
  });

  spec('reports that the proxy cannot reach the target', async (h) => {
    const proxy = await nodeProxy(h);
    const refused = await failure(h, through(h, { proxy: httpProxy(proxy) }, { host: '127.0.0.1', port: await deadPort() }));
    expect([refused.code, refused.status, refused.reply]).toStrictEqual(['EPROXY', 502, 'Bad Gateway']);
  });

  spec('goes through a chain of three, and each sees only the next', async (h) => {
    const seen: string[][] = [[], [], []];
    const proxies = await Promise.all(seen.map((urls) => nodeProxy(h, { seen: ({ url = '' }) => urls.push(url) })));
    const to = await echo(h);
    const [first, second, third] = proxies as [(typeof proxies)[0], (typeof proxies)[0], (typeof proxies)[0]];
    await roundTrip(h, through(h, { c: httpProxy(third), b: httpProxy(second), a: httpProxy(first) }, to));
    expect(seen).toStrictEqual([[`127.0.0.1:${second.port}`], [`127.0.0.1:${third.port}`], [`127.0.0.1:${to.port}`]]);
  });

  spec('reaches a proxy over TLS by stacking, which checks the name of the proxy', async (h) => {
    const inner = await nodeProxy(h);
    const server = createTlsServer({ ...certificates.server, allowHalfOpen: true }, (socket) => {
      const on = connectTo({ ...inner, allowHalfOpen: true });
      socket
        .on('error', () => {})
        .pipe(on.on('error', () => {}))
        .pipe(socket);
    }).listen(0, '127.0.0.1');
    h.defer(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const tls = tlsClient({ ca: certificates.ca });
    await roundTrip(h, through(h, { proxy: httpProxy({ host: '127.0.0.1', port }), tls }, await echo(h)));
  });

  spec('goes through proxy-chain, with credentials', async (h) => {
    h.secret('s3cret');
    const server = new ProxyChain({
      host: '127.0.0.1',
      port: 0,
      prepareRequestFunction: ({ username, password }) => ({ requestAuthentication: username !== 'me' || password !== 's3cret' }),
    });
    await server.listen();
    h.defer(() => server.close(true));
    const proxy = { host: '127.0.0.1', port: server.port };
    const to = await echo(h);
    const seen = h.observed(through(h, { proxy: httpProxy({ ...proxy, user: 'me', pass: 's3cret' }) }, to).data$);
    const io = through(h, { proxy: httpProxy({ ...proxy, auth: () => `Basic ${Buffer.from('me:s3cret').toString('base64')}` }) }, to);
    const back = h.observed(io.data$);
    const sent = pattern(MiB);
    io.write(sent);
    await h.until(() => back.values.reduce((sum, { length }) => sum + length, 0) === MiB, 'all comes back');
    h.sameBytes(back.values, sent);
    const refused = await failure(h, through(h, { proxy: httpProxy({ ...proxy, user: 'me', pass: 'other' }) }, to));
    expect([refused.code, refused.status]).toStrictEqual(['EPROXYAUTH', 407]);
    expect(seen.state).toBe('open');
  });

  spec('emits bytes from the packet of the reply as IN after CONNECTED, whenever a handler is set', async (h) => {
    for (const late of [0, 1, 20]) {
      const proxy = await scriptedProxy(h, ({ socket }) => socket.end(`${OPENED}payload`));
      const events: string[] = [];
      const io = new IOStream({
        ...TARGET,
        plugin: { proxy: httpProxy(proxy.place) },
        onEvent: ({ mask }) => events.push(mask & 2 ? 'C' : mask & 4 ? 'I' : '-'),
      });
      h.defer(() => io.reset());
      await firstValueFrom(timer(late));
      const seen = h.observed(io.data$);
      await seen.ended;
      h.sameBytes(seen.values, 'payload');
      expect(events.filter((event) => event !== '-').slice(0, 2)).toStrictEqual(['C', 'I']);
    }
  });

  spec('emits CONNECTED, then EOF if the proxy closes after its reply', async (h) => {
    const proxy = await scriptedProxy(h, ({ socket }) => socket.end(OPENED));
    const io = through(h, { proxy: httpProxy(proxy.place) }, TARGET);
    const seen = h.observed(io.data$);
    await seen.ended;
    expect([seen.state, seen.values.length, io.details.proxy?.status]).toStrictEqual(['complete', 0, 200]);
  });

  spec('reports a 407 with 3 KB of body once, and nothing more', async (h) => {
    const reply = WHO.replace('Length: 2', 'Length: 3000').replace(/no$/, 'x'.repeat(3000));
    const proxy = await scriptedProxy(h, ({ socket }) => socket.write(reply));
    const io = new IOStream({ ...TARGET, plugin: { proxy: httpProxy(proxy.place) } });
    const { errors } = h.watch(io);
    const refused = await failure(h, io);
    expect([refused.code, refused.body, errors.values.length]).toStrictEqual(['EPROXYAUTH', 'x'.repeat(1024), 1]);
  });

  spec('reports an end and a reset within the reply', async (h) => {
    const ends: [string, (socket: Socket) => unknown, string][] = [
      ['', (socket) => socket.end(), 'EPROXY'],
      ['HTTP/1', (socket) => socket.end(), 'EPROXY'],
      [OPENED.slice(0, -2), (socket) => socket.end(), 'EPROXY'],
      ['', (socket) => socket.resetAndDestroy(), 'ECONNRESET'],
      [OPENED.slice(0, -2), (socket) => socket.resetAndDestroy(), 'ECONNRESET'],
    ];
    for (const [before, end, code] of ends) {
      const proxy = await scriptedProxy(h, ({ socket }) => {
        if (before === '') end(socket);
        else socket.write(before, () => end(socket));
      });
      expect((await failure(h, through(h, { proxy: httpProxy(proxy.place) }, TARGET))).code).toBe(code);
    }
  });

  spec('reports a refusal whose connection is reset within its body, with the reset as its cause', async (h) => {
    for (const auth of [undefined, () => '']) {
      for (const [line, code] of [
        ['407 Who', 'EPROXYAUTH'],
        ['403 No', 'EPROXY'],
      ]) {
        const proxy = await scriptedProxy(h, ({ socket }) => {
          socket.write(`HTTP/1.1 ${line}\r\nContent-Length: 9\r\n\r\nwhy`, () => socket.resetAndDestroy());
        });
        const refused = await failure(h, through(h, { proxy: httpProxy({ ...proxy.place, auth }) }, TARGET));
        expect([refused.code, refused.body, (refused.cause as { code?: unknown }).code]).toStrictEqual([code, 'why', 'ECONNRESET']);
      }
    }
  });

  spec('stops reading a head that never ends, and closes the socket', async (h) => {
    let written = 0;
    const proxy = await scriptedProxy(h, ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write(`X: ${'x'.repeat(1000)}\r\n`)) written += 1000;
      };
      socket.on('drain', more).on('close', () => (written = -1));
      more();
    });
    expect((await failure(h, through(h, { proxy: httpProxy(proxy.place) }, TARGET))).code).toBe('EPROTOCOL');
    await h.until(() => written === -1, 'the socket is closed');
  });

  spec('retries over the same connection or a new one, as the proxy requests', async (h) => {
    for (const [reply, connections] of [
      [WHO, [0, 0]],
      [WHO.replace('HTTP/1.1', 'HTTP/1.0'), [0, 1]],
      [WHO.replace('Content', 'Connection: close\r\nContent'), [0, 1]],
    ] as const) {
      const used: number[] = [];
      const proxy = await scriptedProxy(h, ({ socket, connection, text }) => {
        used.push(connection);
        if (text.includes('Bearer t')) socket.end(`${OPENED}in`);
        else if (connections[1] === 0) socket.write(reply);
        else socket.end(reply);
      });
      const io = through(h, { proxy: httpProxy({ ...proxy.place, auth: async () => 'Bearer t' }) }, TARGET);
      io.write('queued');
      const seen = h.observed(io.data$);
      await seen.ended;
      h.sameBytes(seen.values, 'in');
      expect(used).toStrictEqual(connections);
    }
  });

  spec('goes through the three steps of NTLM over one connection', async (h) => {
    for (const head of [
      'HTTP/1.1 407 Who',
      'HTTP/1.0 407 Who\r\nProxy-Connection: keep-alive',
      'HTTP/1.0 407 Who\r\nConnection: Keep-Alive',
    ]) {
      const used: string[] = [];
      const proxy = await scriptedProxy(h, ({ socket, connection, text }) => {
        const step = /NTLM type(\d)/.exec(text)?.[1] ?? '0';
        used.push(`${connection} ${step}`);
        if (step === '3') socket.end(`${OPENED}in`);
        else {
          socket.write(`${head}\r\nProxy-Authenticate: NTLM${step === '1' ? ' Y2g=' : ''}\r\nContent-Length: 4\r\n\r\nbo`);
          setTimeout(() => socket.write('dy'), 20);
        }
      });
      const auth = ({ challenges: [challenge] }: ProxyChallenge): string => (challenge?.token68 === 'Y2g=' ? 'NTLM type3' : 'NTLM type1');
      const seen = h.observed(through(h, { proxy: httpProxy({ ...proxy.place, auth }) }, TARGET).data$);
      await seen.ended;
      h.sameBytes(seen.values, 'in');
      expect(used).toStrictEqual(['0 0', '0 1', '0 3']);
    }
  });

  spec('retries over a new connection when the proxy resets the one that it refused', async (h) => {
    const kept = WHO;
    const closes = WHO.replace('Content', 'Connection: close\r\nContent');
    for (const [reply, when] of [
      [closes, 'asked'],
      [kept, 'asked'],
      [kept, 'again'],
    ] as const) {
      const sockets: Socket[] = [];
      const proxy = await scriptedProxy(h, ({ socket, connection, text }) => {
        sockets[connection] = socket;
        if (connection > 0 && text.includes('Bearer t')) socket.end(`${OPENED}in`);
        else if (text.includes('Bearer t')) socket.resetAndDestroy();
        else socket.write(reply);
      });
      const auth = async (): Promise<string> => {
        if (when === 'asked') sockets[0]?.resetAndDestroy();
        await firstValueFrom(timer(when === 'asked' ? 50 : 0));
        return 'Bearer t';
      };
      const io = through(h, { proxy: httpProxy({ ...proxy.place, auth }) }, TARGET);
      const seen = h.observed(io.data$);
      await seen.ended;
      h.sameBytes(seen.values, 'in');
      expect(sockets.length).toBe(2);
    }
  });

  spec('sends no queued byte to a proxy that refuses', async (h) => {
    for (const reply of [WHO, 'HTTP/1.1 403 No\r\n\r\n', 'HTTP/1.0 503 No\r\n\r\nlater']) {
      let over: Promise<unknown> | undefined;
      const proxy = await scriptedProxy(h, ({ socket }) => {
        over = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
        socket.write(reply);
      });
      const io = through(h, { proxy: httpProxy({ ...proxy.place, user: 'me', pass: 'pw' }) }, TARGET);
      io.write('queued');
      await failure(h, io);
      await over;
      expect(proxy.all()).toBe(proxy.requests.join(''));
      expect(!proxy.all().includes('queued')).toBe(true);
    }
  });

  spec('leaves nothing behind when it is reset at any stage', async (h) => {
    const stages = [
      () => {},
      (socket: Socket) => socket.write('HTTP/1.1 2'),
      (socket: Socket) => socket.write(WHO),
      (socket: Socket) => socket.write('HTTP/1.1 403 No\r\n\r\n'),
    ];
    for (const stage of stages) {
      let closed = false;
      const proxy = await scriptedProxy(h, ({ socket }) => {
        socket.on('close', () => (closed = true));
        stage(socket);
      });
      const io = through(h, { proxy: httpProxy({ ...proxy.place, auth: () => new Promise<string>(() => {}) }) }, TARGET);
      await h.until(() => proxy.requests.length === 1);
      io.reset();
      await h.until(() => closed, 'the proxy sees it');
    }
  });
});
