import assert from 'node:assert/strict';
import { Client, fetch as undiciFetch, Agent, type buildConnector } from 'undici';
import { it } from 'vitest';
import { invariants } from '../../support/harness.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startWeb } from './web.ts';

/** For undici's `connect` option. */
function connector(route: Route): buildConnector.connector {
  return (_options, callback) => {
    const socket = route.dial();
    const failed = (error: Error): void => callback(error, null);
    socket.once('error', failed).once(route.isSecure ? 'secureConnect' : 'connect', () => {
      socket.off('error', failed);
      callback(null, socket);
    });
  };
}

const origin = ({ host, port, isSecure }: Route): string => `${isSecure ? 'https' : 'http'}://${host}:${port}`;

describeClient('undici', [], () => {
  const web = started(startWeb);

  eachRoute({ 'trace + socks5': () => web().plain, tlsClient: () => web().tls }, (open) => {
    it(
      'sends and receives 1 MiB, and uses its connection again',
      invariants(async (h) => {
        const route = await open(h);
        const client = new Client(origin(route), { connect: connector(route) });
        const { body } = await client.request({ path: '/echo', method: 'POST', body: PAYLOAD });
        h.sameBytes(Buffer.from(await body.arrayBuffer()), PAYLOAD);
        const ports = [];
        for (let round = 0; round < 3; round += 1) ports.push(await (await client.request({ path: '/port', method: 'GET' })).body.text());
        assert.equal(new Set(ports).size, 1);
        await client.close();
      }),
    );

    it(
      'sends requests ahead of the replies with `pipelining`',
      invariants(async (h) => {
        const route = await open(h);
        const client = new Client(origin(route), { connect: connector(route), pipelining: 10 });
        const replies = Array.from({ length: 50 }, () => client.request({ path: '/hello', method: 'GET' }));
        const texts = await Promise.all(replies.map(async (reply) => (await reply).body.text()));
        assert.deepEqual(new Set(texts), new Set(['hello']));
        await client.close();
      }),
    );

    it(
      'reports a reply that is cut, and goes on with a new connection',
      invariants(async (h) => {
        const route = await open(h);
        const client = new Client(origin(route), { connect: connector(route) });
        const { body } = await client.request({ path: '/cut', method: 'GET' });
        await assert.rejects(body.text(), ({ code }: NodeJS.ErrnoException) => ['ECONNRESET', 'UND_ERR_SOCKET'].includes(code!));
        assert.equal(await (await client.request({ path: '/hello', method: 'GET' })).body.text(), 'hello');
        await client.close();
      }),
    );

    it(
      'aborts a request, and destroys its connection',
      invariants(async (h) => {
        const route = await open(h);
        const client = new Client(origin(route), { connect: connector(route) });
        const abort = new AbortController();
        const silent = client.request({ path: '/silence', method: 'GET', signal: abort.signal });
        await h.until(() => web().requests('/silence') > 0);
        abort.abort();
        await assert.rejects(silent, { name: 'AbortError' });
        await client.destroy();
      }),
    );
  });
});

describeClient('fetch', [], () => {
  const web = started(startWeb);

  eachRoute({ 'trace + socks5': () => web().plain, tlsClient: () => web().tls }, (open) => {
    it.each([
      ['of Node', fetch],
      ['of undici', undiciFetch as unknown as typeof fetch],
    ])('%s sends and receives 1 MiB, and follows a redirection', (_, fetches) =>
      invariants(async (h) => {
        const route = await open(h);
        const dispatcher = new Agent({ connect: connector(route) });
        const request = (path: string, init: RequestInit = {}): Promise<Response> =>
          fetches(`${origin(route)}${path}`, { ...init, dispatcher } as object);
        const reply = await request('/echo', { method: 'POST', body: PAYLOAD });
        h.sameBytes(Buffer.from(await reply.arrayBuffer()), PAYLOAD);
        assert.equal(await (await request('/moved')).text(), 'hello');
        await dispatcher.close();
      })(),
    );
  });
});
