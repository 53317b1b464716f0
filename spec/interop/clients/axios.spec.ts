import axios, { type AxiosError, type AxiosInstance } from 'axios';
import { expect } from 'vitest';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { describeClient, failureOf } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startWeb } from './web.ts';

/** TLS is a plugin of the agent, because axios has no option for the authority of a request. */
function client(h: { defer(cleanup: () => unknown): void }, route: Route): AxiosInstance {
  const httpAgent = route.agent({ plugin: route.plugin, keepAlive: true });
  h.defer(() => httpAgent.destroy());
  return axios.create({ baseURL: `http://${route.host}:${route.port}`, httpAgent, proxy: false });
}

const codeOf = async (request: Promise<unknown>): Promise<string | undefined> => (await failureOf<AxiosError>(request)).code;

describeClient('axios', [], () => {
  const web = started(startWeb);

  eachRoute({ 'trace + socks5': () => web().plain, tlsClient: () => web().tls }, (open) => {
    spec('sends and receives 1 MiB', async (h) => {
      const http = client(h, await open(h));
      const { data } = await http.post<Buffer>('/echo', PAYLOAD, { responseType: 'arraybuffer' });
      h.sameBytes(data, PAYLOAD);
    });

    spec('follows a redirection, and reuses its connection', async (h) => {
      const http = client(h, await open(h));
      expect((await http.get('/moved')).data).toBe('hello');
      const ports = [(await http.get<number>('/port')).data, (await http.get<number>('/port')).data];
      expect(ports[0]).toBe(ports[1]);
    });

    spec('times out while it waits for a reply', async (h) => {
      const http = client(h, await open(h));
      expect(await codeOf(http.get('/silence', { timeout: 50 }))).toBe('ECONNABORTED');
    });

    spec('aborts a request on a used connection', async (h) => {
      const http = client(h, await open(h));
      await http.get('/hello');
      const abort = new AbortController();
      const aborted = codeOf(http.get('/silence', { signal: abort.signal }));
      abort.abort();
      expect(await aborted).toBe('ERR_CANCELED');
    });

    spec('reports ECONNRESET if the server resets the connection', async (h) => {
      const http = client(h, await open(h));
      expect(await codeOf(http.get(`/reset-once?${performance.now()}`))).toBe('ECONNRESET');
    });
  });
});
