import type { LookupFunction } from 'node:net';
import got, { type ExtendOptions, type Got, type RequestError } from 'got';
import { agent } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { blackHole } from '../../support/black-hole.ts';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { deadPort, served } from '../../support/loopback.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { describeClient, failureOf } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startWeb } from './web.ts';

const SHORT = 100;
/** More bytes than the kernel buffers. */
const BULK = Buffer.alloc(32 * 1024 * 1024);

/** A lookup that never calls back. */
const SILENT_LOOKUP: LookupFunction = () => {};

/** Returns a lookup that fails with this error first, then returns the address of loopback. */
function failingOnce(code: string): LookupFunction {
  let calls = 0;
  return (_host, options, callback) => {
    calls += 1;
    if (calls === 1) callback(Object.assign(new Error(`getaddrinfo ${code} localhost`), { code }), '', 4);
    else if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };
}

function client(route: Route, options: ExtendOptions = {}): Got {
  const agent = route.agent({ keepAlive: false });
  const https = { certificateAuthority: ca };
  const prefixUrl = `${route.isSecure ? 'https' : 'http'}://localhost:${route.port}`;
  return got.extend({ agent: { http: agent, https: agent as never }, https, prefixUrl, retry: { limit: 0 }, ...options });
}

/** Retries without a delay, at most twice. */
/** On Node 26 got does not retry a refused connection, with Node's own agent either. */
const IS_NODE_26 = Number(process.versions.node.split('.')[0]) >= 26;
const RETRY: ExtendOptions = { retry: { limit: 2, calculateDelay: ({ computedValue }) => (computedValue === 0 ? 0 : 1) } };

describeClient('got', [], () => {
  const web = started(startWeb);
  const ports = { 'trace + socks5': () => web().plain, tlsClient: () => web().tls };

  eachRoute(ports, (open) => {
    spec('sends and receives 1 MiB', async (h) => {
      const http = client(await open(h));
      h.sameBytes(await http.post('echo', { body: PAYLOAD }).buffer(), PAYLOAD);
    });

    spec('follows a redirection', async (h) => {
      const http = client(await open(h));
      expect(await http('moved').text()).toBe('hello');
    });

    spec('times out with `timeout.send`', async (h) => {
      const http = client(await open(h));
      h.defer(() => web().closeConnections());
      const upload = http('full', { timeout: { send: SHORT }, method: 'POST', body: BULK });
      await expect(upload).rejects.toThrow(expect.objectContaining({ name: 'TimeoutError', code: 'ETIMEDOUT', event: 'send' }));
    });

    spec.each([
      ['response', 'silence', { response: SHORT }],
      ['read', 'half', { read: SHORT }],
      ['socket', 'half', { socket: SHORT }],
      ['request', 'silence', { request: SHORT }],
    ] as const)('times out with `timeout.%s`', async (h, event, path, timeout) => {
      const http = client(await open(h));
      h.defer(() => web().closeConnections());
      await expect(http(path, { timeout })).rejects.toThrow(expect.objectContaining({ name: 'TimeoutError', code: 'ETIMEDOUT', event }));
    });

    spec.each([
      ['whose connection is reset', 'reset-once'],
      ['that the server is too busy for', 'busy-once'],
      ['that is not answered in time', 'silence-once'],
    ])('retries a request %s', async (h, _, path) => {
      const http = client(await open(h), RETRY);
      const reply = await http(path, { searchParams: { at: performance.now() }, timeout: { response: 10 * SHORT } });
      expect([reply.body, reply.retryCount]).toStrictEqual(['hello', 1]);
    });
  });

  // Without a proxy, so that got sees the phases of the connection to the server.
  describe('no plugins', () => {
    const direct = (isSecure: boolean, port: number, options: ExtendOptions = {}): Got => {
      const http = agent();
      const scheme = isSecure ? 'https' : 'http';
      const https = { certificateAuthority: ca };
      return got.extend({ agent: { http, https: http as never }, https, prefixUrl: `${scheme}://localhost:${port}`, ...options });
    };

    spec('times out with `timeout.lookup`', async () => {
      const http = direct(false, web().plain, { retry: { limit: 0 }, dnsLookup: SILENT_LOOKUP });
      await expect(http('hello', { timeout: { lookup: SHORT } })).rejects.toThrow(
        expect.objectContaining({ name: 'TimeoutError', event: 'lookup' }),
      );
    });

    spec('times out with `timeout.connect`', async (h) => {
      const { port } = await blackHole(h);
      const http = direct(false, port, { retry: { limit: 0 }, dnsLookupIpVersion: 4 });
      await expect(http('hello', { timeout: { connect: SHORT } })).rejects.toThrow(
        expect.objectContaining({ name: 'TimeoutError', event: 'connect' }),
      );
    });

    spec('times out with `timeout.secureConnect`', async (h) => {
      const { port } = (await served(h)) as { port: number };
      const http = direct(true, port, { retry: { limit: 0 }, dnsLookupIpVersion: 4 });
      await expect(http('hello', { timeout: { secureConnect: SHORT } })).rejects.toThrow(
        expect.objectContaining({ name: 'TimeoutError', event: 'secureConnect' }),
      );
    });

    spec.each(['ENOTFOUND', 'EAI_AGAIN'])('retries a lookup that fails with %s', async (_h, code) => {
      const http = direct(false, web().plain, { ...RETRY, dnsLookup: failingOnce(code) });
      const reply = await http('hello');
      expect([reply.body, reply.retryCount]).toStrictEqual(['hello', 1]);
    });

    spec.skipIf(IS_NODE_26)('reports ECONNREFUSED after the maximum number of retries', async () => {
      const http = direct(false, await deadPort(), { ...RETRY, dnsLookupIpVersion: 4 });
      const error = await failureOf<RequestError>(http('hello'));
      expect([error.code, error.request?.retryCount]).toStrictEqual(['ECONNREFUSED', 2]);
    });

    spec('does not retry if the certificate is not trusted', async () => {
      const http = direct(true, web().tls, { ...RETRY, https: { certificateAuthority: [] } });
      const error = await failureOf<RequestError>(http('hello'));
      expect([error.code, error.request?.retryCount]).toStrictEqual(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 0]);
    });
  });
});
