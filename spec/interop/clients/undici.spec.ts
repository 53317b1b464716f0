import { Client, fetch as undiciFetch, Agent } from 'undici';
import { expect } from 'vitest';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startWeb } from './web.ts';

const origin = ({ host, port, isSecure }: Route): string => `${isSecure ? 'https' : 'http'}://${host}:${port}`;

describeClient('undici', [], () => {
  const web = started(startWeb);

  eachRoute({ 'trace + socks5': () => web().plain, tlsClient: () => web().tls }, (open) => {
    spec('sends and receives 1 MiB, and reuses its connection', async (h) => {
      const route = await open(h);
      const client = new Client(origin(route), { connect: route.through.undici });
      const { body } = await client.request({ path: '/echo', method: 'POST', body: PAYLOAD });
      h.sameBytes(Buffer.from(await body.arrayBuffer()), PAYLOAD);
      const ports = [];
      for (let round = 0; round < 3; round += 1) ports.push(await (await client.request({ path: '/port', method: 'GET' })).body.text());
      expect(new Set(ports).size).toBe(1);
      await client.close();
    });

    spec('sends requests before the replies arrive with `pipelining`', async (h) => {
      const route = await open(h);
      const client = new Client(origin(route), { connect: route.through.undici, pipelining: 10 });
      const replies = Array.from({ length: 50 }, () => client.request({ path: '/hello', method: 'GET' }));
      const texts = await Promise.all(replies.map(async (reply) => (await reply).body.text()));
      expect(new Set(texts)).toStrictEqual(new Set(['hello']));
      await client.close();
    });

    spec('reports a truncated reply, and continues with a new connection', async (h) => {
      const route = await open(h);
      const client = new Client(origin(route), { connect: route.through.undici });
      const { body } = await client.request({ path: '/cut', method: 'GET' });
      await expect(body.text()).rejects.toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|UND_ERR_SOCKET)$/) });
      expect(await (await client.request({ path: '/hello', method: 'GET' })).body.text()).toBe('hello');
      await client.close();
    });

    spec('aborts a request, and destroys its connection', async (h) => {
      const route = await open(h);
      const client = new Client(origin(route), { connect: route.through.undici });
      const abort = new AbortController();
      const silent = client.request({ path: '/silence', method: 'GET', signal: abort.signal });
      await h.until(() => web().requests('/silence') > 0);
      abort.abort();
      await expect(silent).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
      await client.destroy();
    });
  });
});

describeClient('fetch', [], () => {
  const web = started(startWeb);

  eachRoute({ 'trace + socks5': () => web().plain, tlsClient: () => web().tls }, (open) => {
    spec.each([
      ['of Node', fetch],
      ['of undici', undiciFetch as unknown as typeof fetch],
    ])('%s sends and receives 1 MiB, and follows a redirection', async (h, _, fetches) => {
      const route = await open(h);
      const dispatcher = new Agent({ connect: route.through.undici });
      const request = (path: string, init: RequestInit = {}): Promise<Response> =>
        fetches(`${origin(route)}${path}`, { ...init, dispatcher } as object);
      const reply = await request('/echo', { method: 'POST', body: PAYLOAD });
      h.sameBytes(Buffer.from(await reply.arrayBuffer()), PAYLOAD);
      expect(await (await request('/moved')).text()).toBe('hello');
      await dispatcher.close();
    });
  });
});
