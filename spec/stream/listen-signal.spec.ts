import { getEventListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { listen } from 'rxjs-io-stream';
import { client, portOf, refusal } from '../support/clients.ts';
import { deadPort, socketPath } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { echo } from './server-tools.ts';

const host = '127.0.0.1';
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('listen with an AbortSignal', () => {
  spec('stops listening at the abort, serves open connections to their end, then completes', async (h) => {
    const controller = new AbortController();
    const seen = h.observed(listen({ host, port: 0, signal: controller.signal }, echo));
    const server = await seen.value();
    const connections = h.observed(server.connections$);
    const at = { host, port: portOf(server) };
    const peer = await client(h, at);
    await h.until(() => server.size === 1, 'accepted');
    controller.abort();
    expect(await refusal(h, at)).toBe('ECONNREFUSED');
    peer.socket.write('hello');
    await h.until(() => peer.text === 'hello', 'the echo after the abort');
    expect([seen.state, connections.state]).toEqual(['open', 'open']);
    peer.socket.end();
    await seen.ended;
    expect([seen.state, connections.state, peer.error]).toEqual(['complete', 'complete', undefined]);
    expect(listeners(controller.signal)).toBe(0);
  });

  spec('completes in the tick of the abort when no connection is open, and removes the path of a UNIX socket', async (h) => {
    const [controller, path] = [new AbortController(), socketPath(h)];
    const seen = h.observed(listen({ path, signal: controller.signal }, echo));
    await seen.value();
    controller.abort();
    expect([seen.state, existsSync(path)]).toEqual(['complete', false]);
  });

  spec('errors with an AbortError and binds nothing when the signal is aborted already', async (h) => {
    const reason = new Error('maintenance');
    const port = await deadPort();
    const seen = h.observed(listen({ host, port, signal: AbortSignal.abort(reason) }, echo));
    expect(seen).toMatchObject({ state: 'error', values: [], error: { name: 'AbortError', code: 'ABORT_ERR', cause: reason } });
    expect(await refusal(h, { host, port })).toBe('ECONNREFUSED');
  });

  spec('errors with an AbortError when it aborts before the server is emitted', async (h) => {
    const controller = new AbortController();
    const port = await deadPort();
    const seen = h.observed(listen({ host, port, signal: controller.signal }, echo));
    controller.abort();
    expect(seen).toMatchObject({ state: 'error', values: [], error: { name: 'AbortError' } });
    expect(await refusal(h, { host, port })).toBe('ECONNREFUSED');
    expect(listeners(controller.signal)).toBe(0);
  });

  spec('closes the remaining connections when it is unsubscribed after the abort', async (h) => {
    const controller = new AbortController();
    const seen = h.observed(listen({ host, port: 0, signal: controller.signal }, echo));
    const server = await seen.value();
    const peer = await client(h, { host, port: portOf(server) });
    await h.until(() => server.size === 1, 'accepted');
    controller.abort();
    seen.unsubscribe();
    await h.until(() => peer.ended, 'FIN');
    expect([seen.state, peer.error]).toEqual(['unsubscribed', undefined]);
    peer.socket.end();
  });

  spec('keeps no listener on the signal after it is unsubscribed', async (h) => {
    const { signal } = new AbortController();
    const seen = h.observed(listen({ host, port: 0, signal }, echo));
    await seen.value();
    expect(listeners(signal)).toBe(1);
    seen.unsubscribe();
    expect(listeners(signal)).toBe(0);
  });
});
