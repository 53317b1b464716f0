import { getEventListeners } from 'node:events';
import { describe, expect } from 'vitest';
import { connect } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { host, knock, peer } from './connect-tools.ts';

describe('connect with an AbortSignal', () => {
  spec('errors with an AbortError and dials nothing when the signal is aborted already', async (h) => {
    const { to, sockets } = await peer(h);
    const seen = await h.observed(connect({ ...to, signal: AbortSignal.abort() })).ended;
    expect(seen).toMatchObject({ state: 'error', values: [], error: { name: 'AbortError' } });
    await new Promise(setImmediate);
    expect(sockets).toEqual([]);
  });

  spec('errors with an AbortError at once, in a handshake and when it is open, although the peer does not answer', async (h) => {
    for (const plugin of [{ slow: knock('?') }, {}]) {
      const controller = new AbortController();
      const { to, ended, sockets } = await peer(h);
      const seen = h.observed(connect({ ...to, plugin, signal: controller.signal, timeouts: { close: 50 } }));
      await h.until(() => sockets[0]?.bytesRead === 1 || seen.values.length === 1, 'the handshake has started, or the stream is open');
      controller.abort();
      expect(seen).toMatchObject({ state: 'error', error: { name: 'AbortError' } });
      await h.until(() => ended.size === 1, 'the peer receives the end');
      await h.until(() => getEventListeners(controller.signal, 'abort').length === 0, 'no listener');
    }
  });

  spec('keeps no listener on the signal after an error, an unsubscription or an end', async (h) => {
    const { signal } = new AbortController();
    const { to, sockets } = await peer(h);
    const failed = h.observed(connect({ host, port: await deadPort(), signal }));
    const unsubscribed = h.observed(connect({ ...to, signal }));
    const finished = h.observed(connect({ ...to, signal }));
    await Promise.all([failed.ended, unsubscribed.value(), finished.value()]);
    await h.until(() => sockets.length === 2, 'accepted');
    expect(getEventListeners(signal, 'abort')).toHaveLength(2);
    unsubscribed.unsubscribe();
    for (const socket of sockets) socket.end();
    await finished.ended;
    await h.until(() => getEventListeners(signal, 'abort').length === 0, 'no listener');
  });
});
