import { ADDRCONFIG, type LookupAddress, type LookupOptions } from 'node:dns';
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import https from 'node:https';
import { Socket, type AddressInfo, type LookupFunction, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, vi } from 'vitest';
import { agent, type AgentOptions } from '../../src/adapters/agent.ts';
import type { SocketDuplex } from '../../src/adapters/socket-duplex.ts';
import { ca, expired, other, selfSigned } from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort, served, socketPath } from '../support/loopback.ts';

/** Listens on a free port or path, and closes with all its connections at the end. */
async function listening(h: Harness, server: Server, at: { path?: string } = {}): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
  });
  server.listen(at.path === undefined ? { port: 0, host: '127.0.0.1' } : at);
  await once(server, 'listening');
  h.defer(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as Partial<AddressInfo>).port ?? 0;
}

const whoAsks: RequestListener = ({ socket }, response) => response.end(`${socket.remoteAddress} ${socket.remotePort}`);

function made(h: Harness, options: AgentOptions = {}): http.Agent {
  const through = agent(options);
  h.defer(() => through.destroy());
  return through;
}

async function got(ask: (answered: (response: IncomingMessage) => void) => http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    ask((response) => void text(response).then(resolve, reject)).on('error', reject);
  });
}

const failureOf = async (ask: (answered: (response: IncomingMessage) => void) => http.ClientRequest): Promise<Error> => {
  return got(ask).then(
    () => expect.unreachable('no error'),
    (error: unknown) => error as Error,
  );
};

/** How many connections an agent has and requests wait. */
const loadOf = ({ sockets, freeSockets, requests }: http.Agent): number[] =>
  [sockets, freeSockets, requests].map((each) => (Object.values(each) as unknown[][]).flat().length);

/** Destroys a request, and waits for its 'close', whatever comes before. */
async function destroyed(request: http.ClientRequest): Promise<void> {
  await new Promise((resolve) => request.on('close', resolve).destroy());
}

describe('a request through an agent', () => {
  spec('connects from its localPort and localAddress', async (h) => {
    const port = await listening(h, http.createServer(whoAsks));
    const localPort = await deadPort();
    const options = { host: '127.0.0.1', port, localPort, localAddress: '127.0.0.3', agent: made(h) };
    expect(await got((answered) => http.get(options, answered))).toBe(`127.0.0.3 ${localPort}`);
  });

  spec('connects to its socketPath', async (h) => {
    const path = socketPath(h);
    await listening(
      h,
      http.createServer(({ url }, response) => response.end(url)),
      { path },
    );
    expect(await got((answered) => http.get({ socketPath: path, path: '/x', agent: made(h) }, answered))).toBe('/x');
  });

  spec('has a port that is a number or a string', async (h) => {
    const port = await listening(h, http.createServer(whoAsks));
    for (const each of [port, String(port)])
      expect(await got((answered) => http.get({ host: '127.0.0.1', port: each, agent: made(h) }, answered))).toContain('127.0.0.1');
  });

  spec('is looked up with its family, hints and lookup, and tries one address only without autoSelectFamily', async (h) => {
    const port = await listening(h, http.createServer(whoAsks));
    const asked: unknown[] = [];
    const found: LookupAddress[] = [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.9', family: 4 },
    ];
    const lookup = ((host: string, { family, hints }: LookupOptions, done: (error: null, all: LookupAddress[]) => void) => {
      asked.push([host, family, hints]);
      done(null, found);
    }) as LookupFunction;
    const ask = async (more: object): Promise<string> =>
      got((answered) => http.get({ host: 'x.test', port, lookup, agent: made(h), ...more }, answered));
    for (const family of [4, 'IPv4']) await ask({ family, hints: ADDRCONFIG });
    await ask({});
    expect(asked).toEqual([
      ['x.test', 4, ADDRCONFIG],
      ['x.test', 4, ADDRCONFIG],
      ['x.test', 0, undefined],
    ]);
    found.reverse();
    const refused = await failureOf((answered) =>
      http.get({ host: 'x.test', port, lookup, agent: made(h), autoSelectFamily: false } as http.RequestOptions, answered),
    );
    expect(refused).toMatchObject({ code: 'ECONNREFUSED', address: '127.0.0.9' });
  });

  spec('is refused with a TypeError for a family that is none', async (h) => {
    const options = { host: 'x.test', port: 1, family: 'IPv5', agent: made(h) };
    expect(await failureOf((answered) => http.get(options as object, answered))).toBeInstanceOf(TypeError);
  });

  spec('has noDelay and keepAlive of the agent, as in Node', async (h) => {
    const port = await listening(h, http.createServer(whoAsks));
    const calls = vi.spyOn(Socket.prototype, 'setKeepAlive');
    h.defer(() => calls.mockRestore());
    const through = made(h, { keepAlive: true, keepAliveMsecs: 5000, noDelay: false });
    expect((through as { options?: object }).options).toMatchObject({ noDelay: false });
    http.get({ host: '127.0.0.1', port, agent: through }, (response) => response.resume());
    await h.until(() => loadOf(through)[1] === 1);
    // At the start, and when it is kept.
    expect(calls.mock.calls).toEqual([
      [true, 5000],
      [true, 5000],
    ]);
  });

  spec('of https may have a pre-shared key instead of a certificate', async (h) => {
    const psk = Buffer.from('0123456789abcdef');
    const tls = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;
    const port = await listening(h, https.createServer({ ...tls, pskCallback: () => psk }, whoAsks));
    const ask = async (key: Buffer): Promise<string> => {
      const options = { ...tls, host: '127.0.0.1', port, agent: made(h), pskCallback: () => ({ psk: key, identity: 'me' }) };
      return got((answered) => https.get(options, answered));
    };
    expect(await ask(psk)).toContain('127.0.0.1');
    await expect(ask(Buffer.alloc(16))).rejects.toMatchObject({ cause: { code: 'ETLS' } });
  });

  describe('times out', () => {
    const silent = async (h: Harness): Promise<{ host: string; port: number }> =>
      (await served(h, (socket) => void socket.on('error', () => {}).resume())) as { host: string; port: number };

    spec.each<[string, AgentOptions, object]>([
      ['by the timeout of the agent', { timeout: 50 }, {}],
      ['by its own timeout', {}, { timeout: 50 }],
      ['by its own timeout, whatever that of the agent', { timeout: 60_000 }, { timeout: 50 }],
    ])('%s, which closes nothing', async (h, _, options, more) => {
      const through = made(h, options);
      const request = http.get({ ...(await silent(h)), agent: through, ...more });
      request.on('error', () => {});
      await once(request, 'timeout');
      expect([request.destroyed, loadOf(through)]).toEqual([false, [1, 0, 0]]);
      await destroyed(request);
    });

    spec('while it is being connected', async (h) => {
      const lookup: LookupFunction = () => {};
      const request = http.get({ host: 'x.test', port: 1, lookup, agent: made(h), timeout: 50 });
      request.on('error', () => {});
      await once(request, 'timeout');
      await destroyed(request);
    });

    spec('and so does the kept connection, which is closed then', async (h) => {
      const port = await listening(h, http.createServer(whoAsks));
      const through = made(h, { keepAlive: true, timeout: 100 });
      await got((answered) => http.get({ host: '127.0.0.1', port, agent: through }, answered));
      await h.until(() => loadOf(through)[1] === 1);
      await h.until(() => loadOf(through)[1] === 0);
    });
  });

  describe('that is destroyed frees its place', () => {
    spec('while it is being connected', async (h) => {
      const port = await listening(h, http.createServer(whoAsks));
      const through = made(h, { maxTotalSockets: 1 });
      const stuck = http.get({ host: 'x.test', port: 1, lookup: () => {}, agent: through });
      const next = got((answered) => http.get({ host: '127.0.0.1', port, agent: through }, answered));
      const failed = once(stuck, 'error');
      await new Promise(setImmediate);
      expect(loadOf(through)).toEqual([1, 0, 1]);
      stuck.destroy();
      expect(((await failed) as [Error])[0].message).toBe('socket hang up');
      expect(await next).toContain('127.0.0.1');
    });

    spec('while its response comes, although the server goes on', async (h) => {
      const endless = http.createServer((_, response) => {
        const pump = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        };
        response.on('drain', pump).on('error', () => {});
        pump();
      });
      const port = await listening(h, endless);
      const through = made(h, { maxTotalSockets: 1, keepAlive: true });
      const request = http.get({ host: '127.0.0.1', port, agent: through });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await once(response, 'data');
      response.destroy();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(loadOf(through)).toEqual([0, 0, 0]);
    });

    spec('when the server closes a kept connection', async (h) => {
      const server = http.createServer(whoAsks);
      const port = await listening(h, server);
      const through = made(h, { keepAlive: true });
      await got((answered) => http.get({ host: '127.0.0.1', port, agent: through }, answered));
      await h.until(() => loadOf(through)[1] === 1);
      server.closeAllConnections();
      await h.until(() => loadOf(through)[1] === 0);
    });
  });

  describe('fails with the code of Node', () => {
    spec('for a lookup', async (h) => {
      for (const code of ['ENOTFOUND', 'EAI_AGAIN']) {
        const failure = Object.assign(new Error(`getaddrinfo ${code} x.test`), { code, syscall: 'getaddrinfo', hostname: 'x.test' });
        const lookup = ((_host: string, _options: object, done: (error: Error) => void) => done(failure)) as LookupFunction;
        const error = await failureOf((answered) => http.get({ host: 'x.test', port: 1, lookup, agent: made(h) }, answered));
        expect(error).toMatchObject({
          message: failure.message,
          code,
          syscall: 'getaddrinfo',
          hostname: 'x.test',
          cause: { code: 'EDNS' },
        });
      }
    });

    spec.each([
      ['CERT_HAS_EXPIRED', expired],
      ['DEPTH_ZERO_SELF_SIGNED_CERT', selfSigned],
      ['ERR_TLS_CERT_ALTNAME_INVALID', other],
    ] as const)('%s', async (h, code, certificate) => {
      const port = await listening(h, https.createServer(certificate, whoAsks));
      const options = { host: 'localhost', family: 4, port, ca };
      const [ours, ofNode] = [
        await failureOf((answered) => https.get({ ...options, agent: made(h) }, answered)),
        await failureOf((answered) => https.get({ ...options, agent: false }, answered)),
      ];
      expect(ours).toMatchObject({ code, message: ofNode.message, cause: { code: 'ETLSCERT', phase: 'handshake' } });
      expect(Object.keys(ours)).toEqual(Object.keys(ofNode));
    });

    spec('ERR_SSL_WRONG_VERSION_NUMBER, or another code of OpenSSL', async (h) => {
      const port = await listening(h, http.createServer(whoAsks));
      const error = await failureOf((answered) => https.get({ host: '127.0.0.1', port, agent: made(h) }, answered));
      expect((error as NodeJS.ErrnoException).code).toMatch(/^ERR_SSL_/);
      expect(error.cause).toMatchObject({ code: 'ETLS' });
    });
  });

  describe('is TLS unless it is known to be http', () => {
    const clear: http.RequestOptions[] = [{}, { protocol: 'http:' }, { protocol: '' }, { protocol: null }, { defaultPort: 443 }];
    const secure: http.RequestOptions[] = [{}, { protocol: 'https:' }, { protocol: '' }, { protocol: null }, { defaultPort: 80 }];

    /** The first byte that a server gets: 0x16 starts a TLS record. */
    async function firstByte(h: Harness, ask: (place: { host: string; port: number }) => unknown): Promise<number | undefined> {
      let first: number | undefined;
      const place = await served(h, (socket) => {
        socket
          .on('error', () => {})
          .once('data', (bytes) => {
            first = bytes[0];
            socket.destroy();
          });
      });
      ask(place as { host: string; port: number });
      await h.until(() => first !== undefined);
      return first;
    }

    spec('by its module', async (h) => {
      for (const [module, all, expected] of [
        [http, clear, 'G'.charCodeAt(0)],
        [https, secure, 0x16],
      ] as const) {
        for (const options of all) {
          const first = await firstByte(h, (place) => module.get({ ...place, ...options, agent: made(h) }).on('error', () => {}));
          expect(first, JSON.stringify(options)).toBe(expected);
        }
      }
    });

    spec('by the protocol that createConnection is called with', async (h) => {
      for (const [protocol, expected] of [
        ['http:', 'x'.charCodeAt(0)],
        ['https:', 0x16],
        ['HTTPS:', 0x16],
        ['', 0x16],
        [undefined, 0x16],
      ] as const) {
        const first = await firstByte(h, (place) => {
          const duplex = made(h).createConnection({ ...place, protocol })!;
          duplex.on('error', () => {}).write('x');
          h.defer(() => duplex.destroy());
        });
        expect(first, protocol).toBe(expected);
      }
    });
  });
});

describe('createConnection of an agent', () => {
  spec('returns the connection, and calls back when it is there', async (h) => {
    const port = await listening(h, http.createServer(whoAsks));
    const calls: unknown[][] = [];
    const through = made(h);
    const called = new Promise<void>((resolve) => {
      const duplex = through.createConnection({ protocol: 'http:', hostname: '127.0.0.1', host: `127.0.0.1:${port}`, port }, (...given) => {
        calls.push(given);
        resolve();
      });
      calls.push([duplex]);
    });
    expect(calls).toHaveLength(1);
    await called;
    const [[returned], [error, given]] = calls as [[Duplex], [null, Duplex]];
    expect([error, given === returned, (given as SocketDuplex).connecting]).toEqual([null, true, false]);
    given.destroy();
    await once(given, 'close');
  });

  spec('calls back with the error of a connection, and with that of its options', async (h) => {
    const through = made(h);
    const failure = async (options: object): Promise<unknown> =>
      new Promise((resolve) => {
        through.createConnection({ protocol: 'http:', ...options }, resolve);
      });
    expect(await failure({ host: '127.0.0.1', port: await deadPort() })).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await failure({ host: '127.0.0.1', port: -1 })).toBeInstanceOf(TypeError);
    const secure = await listening(h, https.createServer(selfSigned, whoAsks));
    const refused = await failure({ protocol: 'https:', host: '127.0.0.1', port: secure });
    expect(refused).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  spec('takes no option from Object.prototype', async (h) => {
    const { host, port } = (await served(h)) as { host: string; port: number };
    const polluted = { protocol: 'https:', socketPath: '/nowhere', servername: 'evil.test', rejectUnauthorized: false, timeout: 1 };
    const through = made(h);
    const own = through.getName({ protocol: 'https:', host, port });
    Object.assign(Object.prototype, polluted);
    let duplex: Duplex;
    let seen: string;
    try {
      duplex = through.createConnection({ protocol: 'http:', host, port })!;
      seen = through.getName({ protocol: 'https:', host, port });
    } finally {
      for (const each of Object.keys(polluted)) Reflect.deleteProperty(Object.prototype, each);
    }
    await once(duplex, 'connect');
    expect([(duplex as SocketDuplex).timeout, 'encrypted' in duplex]).toEqual([undefined, false]);
    expect(seen).toBe(own);
    duplex.destroy();
    await once(duplex, 'close');
  });

  spec('is destroyed with an AbortError by its signal', async (h) => {
    const { host, port } = (await served(h)) as { host: string; port: number };
    const aborting = new AbortController();
    const duplex = made(h).createConnection({ protocol: 'http:', host, port, signal: aborting.signal })!;
    await once(duplex, 'connect');
    aborting.abort();
    const [error] = (await once(duplex, 'error')) as [Error];
    expect(error.name).toBe('AbortError');
  });
});
