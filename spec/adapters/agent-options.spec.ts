import { ADDRCONFIG, type LookupAddress, type LookupOptions } from 'node:dns';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { Socket, type LookupFunction } from 'node:net';
import { describe, expect, vi } from 'vitest';
import type { AgentOptions } from '../../src/adapters/agent.ts';
import { ca, expired, other, selfSigned } from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort, served, socketPath } from '../support/loopback.ts';
import { listening, sendClientAddress, testAgent, fetchText, failureOf, countsOf, destroyed } from './agent-tools.ts';

describe('a request through an agent', () => {
  spec('connects from its localPort and localAddress', async (h) => {
    const { port } = await listening(h, http.createServer(sendClientAddress));
    const localPort = await deadPort();
    const options = { host: '127.0.0.1', port, localPort, localAddress: '127.0.0.3', agent: testAgent(h) };
    expect(await fetchText((onResponse) => http.get(options, onResponse))).toBe(`127.0.0.3 ${localPort}`);
  });

  spec('connects to its socketPath', async (h) => {
    const path = socketPath(h);
    await listening(
      h,
      http.createServer(({ url }, response) => response.end(url)),
      { path },
    );
    expect(await fetchText((onResponse) => http.get({ socketPath: path, path: '/x', agent: testAgent(h) }, onResponse))).toBe('/x');
  });

  spec('accepts a port as a number or a string', async (h) => {
    const { port } = await listening(h, http.createServer(sendClientAddress));
    for (const each of [port, String(port)])
      expect(await fetchText((onResponse) => http.get({ host: '127.0.0.1', port: each, agent: testAgent(h) }, onResponse))).toContain(
        '127.0.0.1',
      );
  });

  spec('passes family and hints to its lookup, and tries only one address with autoSelectFamily: false', async (h) => {
    const { port } = await listening(h, http.createServer(sendClientAddress));
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
      fetchText((onResponse) => http.get({ host: 'x.test', port, lookup, agent: testAgent(h), ...more }, onResponse));
    for (const family of [4, 'IPv4']) await ask({ family, hints: ADDRCONFIG });
    await ask({});
    expect(asked).toEqual([
      ['x.test', 4, ADDRCONFIG],
      ['x.test', 4, ADDRCONFIG],
      ['x.test', 0, undefined],
    ]);
    found.reverse();
    const refused = await failureOf((onResponse) =>
      http.get({ host: 'x.test', port, lookup, agent: testAgent(h), autoSelectFamily: false } as http.RequestOptions, onResponse),
    );
    expect(refused).toMatchObject({ code: 'ECONNREFUSED', address: '127.0.0.9' });
  });

  spec('fails with a TypeError for an unknown family', async (h) => {
    const options = { host: 'x.test', port: 1, family: 'IPv5', agent: testAgent(h) };
    expect(await failureOf((onResponse) => http.get(options as object, onResponse))).toBeInstanceOf(TypeError);
  });

  spec('uses noDelay and keepAlive of the agent, as in Node', async (h) => {
    const { port } = await listening(h, http.createServer(sendClientAddress));
    const calls = vi.spyOn(Socket.prototype, 'setKeepAlive');
    h.defer(() => calls.mockRestore());
    const httpAgent = testAgent(h, { keepAlive: true, keepAliveMsecs: 5000, noDelay: false });
    expect((httpAgent as { options?: object }).options).toMatchObject({ noDelay: false });
    http.get({ host: '127.0.0.1', port, agent: httpAgent }, (response) => response.resume());
    await h.until(() => countsOf(httpAgent)[1] === 1);
    // At the start, and when it is kept.
    expect(calls.mock.calls).toEqual([
      [true, 5000],
      [true, 5000],
    ]);
  });

  spec('accepts a pre-shared key instead of a certificate for https', async (h) => {
    const psk = Buffer.from('0123456789abcdef');
    const tls = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;
    const { port } = await listening(h, https.createServer({ ...tls, pskCallback: () => psk }, sendClientAddress));
    const ask = async (key: Buffer): Promise<string> => {
      const options = { ...tls, host: '127.0.0.1', port, agent: testAgent(h), pskCallback: () => ({ psk: key, identity: 'me' }) };
      return fetchText((onResponse) => https.get(options, onResponse));
    };
    expect(await ask(psk)).toContain('127.0.0.1');
    await expect(ask(Buffer.alloc(16))).rejects.toMatchObject({ cause: { code: 'ETLS' } });
  });

  describe('timeout of a request', () => {
    const silent = async (h: Harness): Promise<{ host: string; port: number }> =>
      (await served(h, (socket) => void socket.on('error', () => {}).resume())) as { host: string; port: number };

    spec.each<[string, AgentOptions, object]>([
      ['of the agent', { timeout: 50 }, {}],
      ['of the request', {}, { timeout: 50 }],
      ['of the request, instead of that of the agent', { timeout: 60_000 }, { timeout: 50 }],
    ])('emits timeout after the timeout %s, and closes nothing', async (h, _, options, more) => {
      const httpAgent = testAgent(h, options);
      const request = http.get({ ...(await silent(h)), agent: httpAgent, ...more });
      request.on('error', () => {});
      await once(request, 'timeout');
      expect([request.destroyed, countsOf(httpAgent)]).toEqual([false, [1, 0, 0]]);
      await destroyed(request);
    });

    spec('emits timeout while the request is connecting', async (h) => {
      const lookup: LookupFunction = () => {};
      const request = http.get({ host: 'x.test', port: 1, lookup, agent: testAgent(h), timeout: 50 });
      request.on('error', () => {});
      await once(request, 'timeout');
      await destroyed(request);
    });

    spec('closes a free connection after the timeout', async (h) => {
      const { port } = await listening(h, http.createServer(sendClientAddress));
      const httpAgent = testAgent(h, { keepAlive: true, timeout: 100 });
      await fetchText((onResponse) => http.get({ host: '127.0.0.1', port, agent: httpAgent }, onResponse));
      await h.until(() => countsOf(httpAgent)[1] === 1);
      await h.until(() => countsOf(httpAgent)[1] === 0);
    });
  });

  describe('slot of a request', () => {
    spec('becomes free when the request is destroyed while it connects', async (h) => {
      const { port } = await listening(h, http.createServer(sendClientAddress));
      const httpAgent = testAgent(h, { maxTotalSockets: 1 });
      const stuck = http.get({ host: 'x.test', port: 1, lookup: () => {}, agent: httpAgent });
      const next = fetchText((onResponse) => http.get({ host: '127.0.0.1', port, agent: httpAgent }, onResponse));
      const failed = once(stuck, 'error');
      await new Promise(setImmediate);
      expect(countsOf(httpAgent)).toEqual([1, 0, 1]);
      stuck.destroy();
      expect(((await failed) as [Error])[0].message).toBe('socket hang up');
      expect(await next).toContain('127.0.0.1');
    });

    spec('becomes free when the response is destroyed, although the server continues to send', async (h) => {
      const endless = http.createServer((_, response) => {
        const pump = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        };
        response.on('drain', pump).on('error', () => {});
        pump();
      });
      const { port } = await listening(h, endless);
      const httpAgent = testAgent(h, { maxTotalSockets: 1, keepAlive: true });
      const request = http.get({ host: '127.0.0.1', port, agent: httpAgent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await once(response, 'data');
      response.destroy();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(countsOf(httpAgent)).toEqual([0, 0, 0]);
    });

    spec('becomes free when the server closes a free connection', async (h) => {
      const server = http.createServer(sendClientAddress);
      const { port } = await listening(h, server);
      const httpAgent = testAgent(h, { keepAlive: true });
      await fetchText((onResponse) => http.get({ host: '127.0.0.1', port, agent: httpAgent }, onResponse));
      await h.until(() => countsOf(httpAgent)[1] === 1);
      server.closeAllConnections();
      await h.until(() => countsOf(httpAgent)[1] === 0);
    });
  });

  describe('error of a request', () => {
    spec('has the code of Node for a failed lookup', async (h) => {
      for (const code of ['ENOTFOUND', 'EAI_AGAIN']) {
        const failure = Object.assign(new Error(`getaddrinfo ${code} x.test`), { code, syscall: 'getaddrinfo', hostname: 'x.test' });
        const lookup = ((_host: string, _options: object, done: (error: Error) => void) => done(failure)) as LookupFunction;
        const error = await failureOf((onResponse) => http.get({ host: 'x.test', port: 1, lookup, agent: testAgent(h) }, onResponse));
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
    ] as const)('has the code %s and the other fields of Node', async (h, code, certificate) => {
      const { port } = await listening(h, https.createServer(certificate, sendClientAddress));
      const options = { host: 'localhost', family: 4, port, ca };
      const [ours, ofNode] = [
        await failureOf((onResponse) => https.get({ ...options, agent: testAgent(h) }, onResponse)),
        await failureOf((onResponse) => https.get({ ...options, agent: false }, onResponse)),
      ];
      expect(ours).toMatchObject({ code, message: ofNode.message, cause: { code: 'ETLSCERT', phase: 'handshake' } });
      expect(Object.keys(ours)).toEqual(Object.keys(ofNode));
    });

    spec('has a code of OpenSSL if the server does not support TLS', async (h) => {
      const { port } = await listening(h, http.createServer(sendClientAddress));
      const error = await failureOf((onResponse) => https.get({ host: '127.0.0.1', port, agent: testAgent(h) }, onResponse));
      expect((error as NodeJS.ErrnoException).code).toMatch(/^ERR_SSL_/);
      expect(error.cause).toMatchObject({ code: 'ETLS' });
    });
  });
});
