import type { LookupAddress, LookupOptions } from 'node:dns';
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo, LookupFunction, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { agent, type AgentOptions } from '../../src/adapters/agent.ts';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { IOStreamError } from '../../src/errors.ts';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { rc4 } from '../../src/plugins/rc4.ts';
import type { TlsClientOptions } from '../../src/plugins/tls/tls-client.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { ca, other, server as identity } from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort, pattern, served } from '../support/loopback.ts';

/** Listens on a free port, counts its connections, and is gone with all of them at the end. */
async function listening(h: Harness, server: Server): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    connections += 1;
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  h.defer(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const hello: RequestListener = (request, response) => response.end(`hello ${request.headers.host} ${request.url}`);

function made(h: Harness, options: AgentOptions = {}): http.Agent {
  const through = agent(options);
  h.defer(() => through.destroy());
  return through;
}

/** Asks, and gives the whole answer. */
async function got(ask: (answered: (response: IncomingMessage) => void) => http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    ask((response) => void text(response).then(resolve, reject)).on('error', reject);
  });
}

describe('agent', () => {
  spec('gets over http through a stack of plugins', async (h) => {
    const { port } = await listening(h, http.createServer(hello));
    const place = await served(h, (socket) => {
      const front = toDuplex(new IOStream({ fh: socket, plugin: { rc4: rc4('key') } }));
      const back = toDuplex(new IOStream({ host: '127.0.0.1', port }));
      front.on('error', () => back.destroy()).pipe(back);
      back.on('error', () => front.destroy()).pipe(front);
    });
    const proxied = made(h, { plugin: { noop: passthrough(), rc4: rc4('key') } });
    const { port: front } = place as { port: number };
    expect(await got((answered) => http.get(`http://127.0.0.1:${front}/a`, { agent: proxied }, answered))).toBe(
      `hello 127.0.0.1:${front} /a`,
    );
  });

  spec('uses one connection again for request after request, if it shall keep it alive', async (h) => {
    const { port, connections } = await listening(h, http.createServer(hello));
    const kept = made(h, { keepAlive: true });
    for (let i = 0; i < 5; i += 1) {
      await got((answered) => http.get(`http://127.0.0.1:${port}/${i}`, { agent: kept }, answered));
      await h.until(() => Object.keys(kept.freeSockets).length === 1);
    }
    expect(connections()).toBe(1);
    const single = made(h);
    for (let i = 0; i < 3; i += 1) await got((answered) => http.get({ host: '127.0.0.1', port, agent: single }, answered));
    expect(connections()).toBe(4);
  });

  spec('lays one TLS client on top for https, made of the options of the request', async (h) => {
    const { port, connections } = await listening(h, https.createServer(identity, hello));
    const both = made(h, { keepAlive: true, plugin: { noop: passthrough() } });
    const ask = (path: string): Promise<string> =>
      got((answered) => https.get(`https://localhost:${port}${path}`, { agent: both, ca, family: 4 }, answered));
    expect(await ask('/a')).toBe(`hello localhost:${port} /a`);
    await h.until(() => Object.keys(both.freeSockets).length === 1);
    expect(await ask('/b')).toBe(`hello localhost:${port} /b`);
    expect(connections()).toBe(1);
  });

  spec('lets no option of one request reach another', async (h) => {
    const { port } = await listening(h, https.createServer(identity, hello));
    const both = made(h, { keepAlive: true });
    const ask = (options: https.RequestOptions): Promise<string> =>
      got((answered) => https.get({ host: '127.0.0.1', port, servername: 'localhost', agent: both, ...options }, answered));
    expect(await ask({ ca })).toContain('hello');
    await h.until(() => Object.keys(both.freeSockets).length === 1);
    const refused = await ask({}).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    expect(await ask({ rejectUnauthorized: false })).toContain('hello');
  });

  spec('checks the certificate against the name that was asked for', async (h) => {
    const { port } = await listening(h, https.createServer(other, hello));
    const through = made(h);
    const refused = await got((answered) => https.get({ host: 'localhost', family: 4, port, ca, agent: through }, answered)).catch(
      (error: unknown) => error as Error,
    );
    expect(refused).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: 'localhost' });
    h.error((refused as Error).cause, { code: 'ETLSCERT', phase: 'handshake' });
  });

  spec('gives the error of the connection to the request', async (h) => {
    const port = await deadPort();
    const through = made(h);
    const refused = await got((answered) => http.get({ host: '127.0.0.1', port, agent: through }, answered)).catch(
      (error: unknown) => error as Error,
    );
    expect(refused).toMatchObject({ code: 'ECONNREFUSED', port });
    h.error((refused as Error).cause, { code: 'ECONNREFUSED', phase: 'connect' });
  });

  spec('sends and receives bodies, with the pace of the slower side', async (h) => {
    const { port } = await listening(
      h,
      http.createServer((request, response) => request.pipe(response)),
    );
    const through = made(h);
    const payload = pattern(2_000_000);
    const request = http.request({ method: 'POST', host: '127.0.0.1', port, agent: through });
    request.end(payload);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    h.sameBytes(chunks, payload);
  });

  describe('keeps requests apart', () => {
    spec.each<[string, https.RequestOptions & Partial<TlsClientOptions>]>([
      ['verify', { verify: () => false }],
      ['checkServerIdentity', { checkServerIdentity: () => new Error('not you') }],
    ])('whose %s differs, in the pool and in the sessions', async (h, _, options) => {
      const { port } = await listening(h, https.createServer(identity, hello));
      const both = made(h, { keepAlive: true });
      const ask = (more: https.RequestOptions): Promise<string> =>
        got((answered) => https.get({ host: '127.0.0.1', port, servername: 'localhost', agent: both, ca, ...more }, answered));
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
    it.each(Object.keys(differing))('by %s', (name) => {
      const shared = agent();
      const [one, other] = differing[name]!.map((options) => shared.getName({ protocol: 'https:', ...options }));
      expect(one).not.toBe(other);
    });

    it('but not those whose options are the same', () => {
      const shared = agent();
      const verify = (): boolean => true;
      const options = (): object => ({ protocol: 'https:', ca: [bytes('a'), 'b'], ALPNProtocols: ['a'], verify, secureContext: context });
      expect(shared.getName(options())).toBe(shared.getName(options()));
    });

    it('by names that tell no secret', () => {
      const name = nameOf({ key: 'secret', passphrase: 'secret', pfx: bytes('secret'), session: bytes('secret') });
      expect(name).toMatch(/^https:a\.test:443:/);
      expect(name).not.toMatch(new RegExp(`secret|${Buffer.from('secret').toString('base64')}`));
    });
  });

  spec('tells a request that had to wait that its options cannot be used, and goes on with the next one', async (h) => {
    const { port } = await listening(h, https.createServer(identity, hello));
    const narrow = made(h, { maxTotalSockets: 1 });
    const ask = (more: https.RequestOptions): Promise<unknown> =>
      got((answered) => https.get({ host: '127.0.0.1', port, servername: 'localhost', agent: narrow, ca, ...more }, answered)).catch(
        (error: unknown) => error,
      );
    const [first, second, third] = await Promise.all([ask({}), ask({ ciphers: 'garbage' }), ask({})]);
    expect([first, third]).toEqual(Array(2).fill(`hello 127.0.0.1:${port} /`));
    expect(second).toBeInstanceOf(TypeError);
    expect((second as Error).message).toContain('`ciphers`');
    expect(await ask({ ciphers: 'garbage', timeout: 1000 })).toBeInstanceOf(TypeError);
  });

  spec('connects as the request says: lookup, family, localAddress', async (h) => {
    const from: unknown[] = [];
    const { port } = await listening(
      h,
      http.createServer((request, response) => {
        from.push(request.socket.remoteAddress);
        response.end('hello');
      }),
    );
    const through = made(h, { lookup: () => expect.unreachable('the lookup of the agent'), localAddress: '127.0.0.1' });
    const asked: unknown[] = [];
    const lookup = ((host: string, { family }: LookupOptions, done: (error: null, all: LookupAddress[]) => void) => {
      asked.push([host, family]);
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    }) as LookupFunction;
    const options = { host: 'name.test', port, agent: through, lookup, family: 4, localAddress: '127.0.0.2' };
    expect(await got((answered) => http.get(options, answered))).toBe('hello');
    expect([asked, from]).toEqual([[['name.test', 4]], ['127.0.0.2']]);
  });

  it('knows the port that goes without saying', () => {
    expect(agent()).toMatchObject({ defaultPort: 80, protocol: undefined });
    expect(portsAsked()).toEqual([80, 443]);
  });

  it.each<[string, Partial<ErrorConstructor>]>([
    ['stacks are switched off', { stackTraceLimit: 0 }],
    ['stacks are no text', { prepareStackTrace: (_, sites) => sites }],
    ['stacks are no text and have no words', { prepareStackTrace: () => 7 }],
  ])('knows it when %s', (_, how) => {
    const { stackTraceLimit, prepareStackTrace } = Error;
    Object.assign(Error, how);
    try {
      expect(portsAsked()).toEqual([80, 443]);
      expect(Object.keys(how).map((name) => Reflect.get(Error, name) as unknown)).toEqual(Object.values(how));
    } finally {
      Object.assign(Error, { stackTraceLimit, prepareStackTrace });
    }
  });
});

/** The error of the stream: for `verify` and what it throws Node has no code. */
function streamError(error: unknown): unknown {
  return error instanceof IOStreamError ? error : (error as Error).cause;
}

/** The ports that Node asks an agent for, of http and of https. */
function portsAsked(): unknown[] {
  const asked: unknown[] = [];
  const wanted = Object.assign(agent(), { addRequest: (_request: unknown, options: { port: unknown }) => asked.push(options.port) });
  http.get('http://name.test/', { agent: wanted }).on('error', () => {});
  https.get('https://name.test/', { agent: wanted }).on('error', () => {});
  return asked;
}
