import { Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { testDial } from '../../../src/testing/test-dial.ts';
import { END, PAUSE, type Flow } from '../../../src/wire/signal.ts';
import { sentOf, textOf } from '../signal-text.ts';
import { spec } from '../spec.ts';
import { bytes, connect, handleOf, listen, MIB, reading, type SocketSite } from './socket-site.ts';

/** Abrupt ends: an error of the application, and a foreign close of the socket. */
export function resetContract(site: SocketSite): void {
  describe('reset', () => {
    spec('by an error of the application reaches the peer at once, and Up errors with that error', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const got = reading(h, peer);
      const reason = new Error('enough');
      app.error(reason);
      expect(seen).toMatchObject({ state: 'error', error: reason });
      await h.until(() => got.ended || got.closed, 'the peer knows');
      expect(got.error).toBe(site.rst ? 'ECONNRESET' : undefined);
    });

    spec('during a half-close frees the handle', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const got = reading(h, peer);
      app.next(END);
      app.error(new Error('enough'));
      expect(seen.state).toBe('error');
      await h.until(() => got.ended || got.closed, 'the peer knows');
    });

    spec('with queued bytes frees the handle at once', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      app.next(bytes(Buffer.alloc(32 * MIB)));
      app.error(new Error('enough'));
      expect(seen.state).toBe('error');
      const got = reading(h, peer);
      await h.until(() => got.ended || got.closed, 'the peer knows');
    });

    spec('before the connection is open cancels the dial', async (h) => {
      const { to } = await listen(h, site);
      const app = new Subject<Flow>();
      const seen = h.observed(app.pipe(site.wire(testDial({ to }))));
      app.error(new Error('enough'));
      expect(seen.state).toBe('error');
    });
  });

  describe('a foreign close of the socket', () => {
    spec('is reported after all bytes that were read', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const handle = handleOf(seen);
      app.next(PAUSE);
      handle.unshift(Buffer.from('read before'));
      handle.destroy();
      await seen.ended;
      h.error(seen.error, { code: 'ERR_STREAM_PREMATURE_CLOSE', phase: 'read' });
      expect(textOf(seen.values)).toBe('read before');
      peer.resume();
    });

    spec('is reported while the wire closes with queued bytes: truncated data does not look complete', async (h) => {
      const { app, seen } = await connect(h, site);
      const handle = handleOf(seen);
      app.next(bytes(Buffer.alloc(32 * MIB)));
      app.complete();
      handle.destroy();
      await seen.ended;
      h.error(seen.error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
      expect(sentOf(seen.values)).toBeLessThan(32 * MIB);
    });
  });
}
