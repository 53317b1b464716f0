import type { LookupAddress, LookupOptions } from 'node:dns';
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { agent } from '../../src/adapters/agent.ts';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { IOStreamError } from '../../src/errors.ts';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { rc4 } from '../../src/plugins/rc4.ts';
import type { TlsClientOptions } from '../../src/plugins/tls/tls-client.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { ca, other, server as identity } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { deadPort, pattern, served } from '../support/loopback.ts';
import { listening, testAgent, fetchText } from './agent-tools.ts';

const hello: RequestListener = (request, response) => response.end(`hello ${request.headers.host} ${request.url}`);

describe('agent', () => {
  spec('sends requests of http through a stack of plugins', async (h) => {
    const { port } = await listening(h, http.createServer(hello));
    const place = await served(h, (socket) => {
      const front = toDuplex(new IOStream({ fh: socket, plugin: { rc4: rc4('key') } }));
      const back = toDuplex(new IOStream({ host: '127.0.0.1', port }));
      front.on('error', () => back.destroy()).pipe(back);
      back.on('error', () => front.destroy()).pipe(front);
    });
    const proxied = testAgent(h, { plugin: { noop: passthrough(), rc4: rc4('key') } });
    const { port: front } = place as { port: number };
    expect(await fetchText((onResponse) => http.get(`http://127.0.0.1:${front}/a`, { agent: proxied }, onResponse))).toBe(
      `hello 127.0.0.1:${front} /a`,
    );
  });

  spec('reuses a connection with keepAlive, and opens one per request without it', async (h) => {
    const { port, connections } = await listening(h, http.createServer(hello));
    const kept = testAgent(h, { keepAlive: true });
    for (let i = 0; i < 5; i += 1) {
      await fetchText((onResponse) => http.get(`http://127.0.0.1:${port}/${i}`, { agent: kept }, onResponse));
      await h.until(() => Object.keys(kept.freeSockets).length === 1);
    }
    expect(connections()).toBe(1);
    const single = testAgent(h);
    for (let i = 0; i < 3; i += 1) await fetchText((onResponse) => http.get({ host: '127.0.0.1', port, agent: single }, onResponse));
    expect(connections()).toBe(4);
  });

  spec('adds one TLS client on top for https, with the options of the request', async (h) => {
    const { port, connections } = await listening(h, https.createServer(identity, hello));
    const both = testAgent(h, { keepAlive: true, plugin: { noop: passthrough() } });
    const ask = (path: string): Promise<string> =>
      fetchText((onResponse) => https.get(`https://localhost:${port}${path}`, { agent: both, ca, family: 4 }, onResponse));
    expect(await ask('/a')).toBe(`hello localhost:${port} /a`);
    await h.until(() => Object.keys(both.freeSockets).length === 1);
    expect(await ask('/b')).toBe(`hello localhost:${port} /b`);
    expect(connections()).toBe(1);
  });

  spec('passes no TLS option of one request to another', async (h) => {
    const { port } = await listening(h, https.createServer(identity, hello));
    const both = testAgent(h, { keepAlive: true });
    const ask = (options: https.RequestOptions): Promise<string> =>
      fetchText((onResponse) => https.get({ host: '127.0.0.1', port, servername: 'localhost', agent: both, ...options }, onResponse));
    expect(await ask({ ca })).toContain('hello');
    await h.until(() => Object.keys(both.freeSockets).length === 1);
    const refused = await ask({}).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    expect(await ask({ rejectUnauthorized: false })).toContain('hello');
  });

  spec('verifies that the certificate is for the requested host', async (h) => {
    const { port } = await listening(h, https.createServer(other, hello));
    const httpAgent = testAgent(h);
    const refused = await fetchText((onResponse) =>
      https.get({ host: 'localhost', family: 4, port, ca, agent: httpAgent }, onResponse),
    ).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: 'localhost' });
    h.error((refused as Error).cause, { code: 'ETLSCERT', phase: 'handshake' });
  });

  spec('emits the error of the connection on the request', async (h) => {
    const port = await deadPort();
    const httpAgent = testAgent(h);
    const refused = await fetchText((onResponse) => http.get({ host: '127.0.0.1', port, agent: httpAgent }, onResponse)).catch(
      (error: unknown) => error as Error,
    );
    expect(refused).toMatchObject({ code: 'ECONNREFUSED', port });
    h.error((refused as Error).cause, { code: 'ECONNREFUSED', phase: 'connect' });
  });

  spec('echoes a body of 2 MB without loss', async (h) => {
    const { port } = await listening(
      h,
      http.createServer((request, response) => request.pipe(response)),
    );
    const httpAgent = testAgent(h);
    const payload = pattern(2_000_000);
    const request = http.request({ method: 'POST', host: '127.0.0.1', port, agent: httpAgent });
    request.end(payload);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    h.sameBytes(chunks, payload);
  });

  describe('connections of different TLS options', () => {
    spec.each<[string, https.RequestOptions & Partial<TlsClientOptions>]>([
      ['verify', { verify: () => false }],
      ['checkServerIdentity', { checkServerIdentity: () => new Error('not you') }],
    ])('are not shared, nor their sessions, if %s differs', async (h, _, options) => {
      const { port } = await listening(h, https.createServer(identity, hello));
      const both = testAgent(h, { keepAlive: true });
      const ask = (more: https.RequestOptions): Promise<string> =>
        fetchText((onResponse) => https.get({ host: '127.0.0.1', port, servername: 'localhost', agent: both, ca, ...more }, onResponse));
      expect(await ask({})).toContain('hello');
      await h.until(() => Object.keys(both.freeSockets).length === 1);
      h.error(await ask(options).catch(streamError), { code: 'ETLSCERT', phase: 'handshake' });
    });

    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const context = createSecureContext();
    const nameOf = (options: object): string => agent().getName({ protocol: 'https:', host: 'a.test', port: 443, ...options });
    const differing: Record<string, readonly [object, object]> = {
      ALPNProtocols: [{ ALPNProtocols: ['a', 'b'] }, { ALPNProtocols: ['a,b'] }],
      passphrase: [{ passphrase: 'a' }, { passphrase: 'b' }],
      'pfx, in arrays': [{ pfx: [bytes('a')] }, { pfx: [bytes('b')] }],
      'pfx, in objects': [{ pfx: [{ buf: bytes('a') }] }, { pfx: [{ buf: bytes('b') }] }],
      session: [{ session: bytes('a') }, { session: false }],
      truncation: [{ truncation: 'error' }, {}],
      'a number and its text': [{ minDHSize: 1 }, { minDHSize: '1' }],
    };
    it.each(Object.keys(differing))('have different names if the options differ by %s', (name) => {
      const shared = agent();
      const [one, other] = differing[name]!.map((options) => shared.getName({ protocol: 'https:', ...options }));
      expect(one).not.toBe(other);
    });

    it('have the same name if the options are equal', () => {
      const shared = agent();
      const verify = (): boolean => true;
      const options = (): object => ({ protocol: 'https:', ca: [bytes('a'), 'b'], ALPNProtocols: ['a'], verify, secureContext: context });
      expect(shared.getName(options())).toBe(shared.getName(options()));
    });

    it('have names that contain no secret', () => {
      const name = nameOf({ key: 'secret', passphrase: 'secret', pfx: bytes('secret'), session: bytes('secret') });
      expect(name).toMatch(/^https:a\.test:443:/);
      expect(name).not.toMatch(new RegExp(`secret|${Buffer.from('secret').toString('base64')}`));
    });
  });

  spec('fails a queued request with invalid options, and continues with the next one', async (h) => {
    const { port } = await listening(h, https.createServer(identity, hello));
    const narrow = testAgent(h, { maxTotalSockets: 1 });
    const ask = (more: https.RequestOptions): Promise<unknown> =>
      fetchText((onResponse) =>
        https.get({ host: '127.0.0.1', port, servername: 'localhost', agent: narrow, ca, ...more }, onResponse),
      ).catch((error: unknown) => error);
    const [first, second, third] = await Promise.all([ask({}), ask({ ciphers: 'garbage' }), ask({})]);
    expect([first, third]).toEqual(Array(2).fill(`hello 127.0.0.1:${port} /`));
    expect(second).toBeInstanceOf(TypeError);
    expect((second as Error).message).toContain('`ciphers`');
    expect(await ask({ ciphers: 'garbage', timeout: 1000 })).toBeInstanceOf(TypeError);
  });

  spec('prefers lookup, family and localAddress of the request to those of the agent', async (h) => {
    const from: unknown[] = [];
    const { port } = await listening(
      h,
      http.createServer((request, response) => {
        from.push(request.socket.remoteAddress);
        response.end('hello');
      }),
    );
    const httpAgent = testAgent(h, { lookup: () => expect.unreachable('the lookup of the agent'), localAddress: '127.0.0.1' });
    const asked: unknown[] = [];
    const lookup = ((host: string, { family }: LookupOptions, done: (error: null, all: LookupAddress[]) => void) => {
      asked.push([host, family]);
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    }) as LookupFunction;
    const options = { host: 'name.test', port, agent: httpAgent, lookup, family: 4, localAddress: '127.0.0.2' };
    expect(await fetchText((onResponse) => http.get(options, onResponse))).toBe('hello');
    expect([asked, from]).toEqual([[['name.test', 4]], ['127.0.0.2']]);
  });

  it('has the default port 80 for http, and 443 for https', () => {
    expect(agent()).toMatchObject({ defaultPort: 80, protocol: undefined });
    expect(requestedPorts()).toEqual([80, 443]);
  });

  it.each<[string, Partial<ErrorConstructor>]>([
    ['stack traces are off', { stackTraceLimit: 0 }],
    ['stack traces are not text', { prepareStackTrace: (_, sites) => sites }],
    ['stack traces have no methods', { prepareStackTrace: () => 7 }],
  ])('has the right default port if %s', (_, how) => {
    const { stackTraceLimit, prepareStackTrace } = Error;
    Object.assign(Error, how);
    try {
      expect(requestedPorts()).toEqual([80, 443]);
      expect(Object.keys(how).map((name) => Reflect.get(Error, name) as unknown)).toEqual(Object.values(how));
    } finally {
      Object.assign(Error, { stackTraceLimit, prepareStackTrace });
    }
  });
});

/** Returns the error of the stream. Node has no code for `verify`. */
function streamError(error: unknown): unknown {
  return error instanceof IOStreamError ? error : (error as Error).cause;
}

/** Returns the ports with which Node calls `addRequest`, for http and https. */
function requestedPorts(): unknown[] {
  const ports: unknown[] = [];
  const spy = Object.assign(agent(), { addRequest: (_request: unknown, options: { port: unknown }) => ports.push(options.port) });
  http.get('http://name.test/', { agent: spy }).on('error', () => {});
  https.get('https://name.test/', { agent: spy }).on('error', () => {});
  return ports;
}
