import assert from 'node:assert/strict';
import axios, { type AxiosError, type AxiosInstance } from 'axios';
import { it } from 'vitest';
import { invariants } from '../../support/harness.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { describeClient, failureOf } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startWeb } from './web.ts';

/** TLS is a plugin of the agent: axios has no option for the authority of a request. */
function client(h: { defer(cleanup: () => unknown): void }, route: Route): AxiosInstance {
  const httpAgent = route.agent({ plugin: route.plugin, keepAlive: true });
  h.defer(() => httpAgent.destroy());
  return axios.create({ baseURL: `http://${route.host}:${route.port}`, httpAgent, proxy: false });
}

const codeOf = async (request: Promise<unknown>): Promise<string | undefined> => (await failureOf<AxiosError>(request)).code;

describeClient('axios', [], () => {
  const web = started(startWeb);

  eachRoute({ 'trace + socks5': () => web().plain, tlsClient: () => web().tls }, (open) => {
    it(
      'sends and receives 1 MiB, follows a redirection, and uses its connection again',
      invariants(async (h) => {
        const http = client(h, await open(h));
        const { data } = await http.post<Buffer>('/echo', PAYLOAD, { responseType: 'arraybuffer' });
        h.sameBytes(data, PAYLOAD);
        assert.equal((await http.get('/moved')).data, 'hello');
        const ports = [(await http.get<number>('/port')).data, (await http.get<number>('/port')).data];
        assert.equal(ports[0], ports[1]);
      }),
    );

    it(
      'reports a reply that is late, and one that is aborted',
      invariants(async (h) => {
        const http = client(h, await open(h));
        assert.equal(await codeOf(http.get('/silence', { timeout: 50 })), 'ECONNABORTED');
        const abort = new AbortController();
        const aborted = codeOf(http.get('/silence', { signal: abort.signal }));
        abort.abort();
        assert.equal(await aborted, 'ERR_CANCELED');
      }),
    );

    it(
      'reports a connection that is reset by its code',
      invariants(async (h) => {
        const http = client(h, await open(h));
        assert.equal(await codeOf(http.get(`/reset-once?${performance.now()}`)), 'ECONNRESET');
      }),
    );
  });
});
