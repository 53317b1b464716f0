import { randomBytes } from 'node:crypto';
import { Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { testDial } from '../../../src/testing/test-dial.ts';
import { END, PAUSE, type Flow } from '../../../src/wire/signal.ts';
import { data, sentOf, textOf } from '../signal-text.ts';
import { spec } from '../spec.ts';
import { bytes, connect, listen, MIB, reading, type SocketSite } from './socket-site.ts';

/** The completion of Flow: sends what is queued, then waits for the end of the peer. */
export function closeContract(site: SocketSite): void {
  describe('close', () => {
    spec('sends all queued bytes even if input is unread: the peer receives a FIN and no reset', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      app.next(PAUSE);
      const payload = randomBytes(6 * MIB);
      peer.write(Buffer.alloc(MIB));
      app.next(bytes(payload));
      app.complete();
      const got = reading(h, peer);
      await h.until(() => got.ended, 'our FIN');
      h.sameBytes(got.bytes, payload);
      expect(seen.state).toBe('open');
      peer.end('late');
      await seen.ended;
      expect(seen.state).toBe('complete');
      expect(sentOf(seen.values)).toBe(payload.length);
      expect(textOf(seen.values)).toBe('');
      expect(got.error).toBeUndefined();
    });

    spec('completes as soon as all bytes are sent if the peer has already ended', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      peer.end();
      await seen.value(({ kind }) => kind === 'end');
      const got = reading(h, peer);
      app.next(data('x'));
      app.complete();
      expect((await seen.ended).state).toBe('complete');
      await h.until(() => got.ended, 'our FIN');
      expect(got.bytes.toString()).toBe('x');
    });

    spec('waits for the FIN of the peer after an `end`, too', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const got = reading(h, peer);
      app.next(END);
      await h.until(() => got.ended, 'our FIN');
      app.complete();
      peer.write('x');
      await new Promise(setImmediate);
      expect(seen.state).toBe('open');
      peer.end();
      expect((await seen.ended).state).toBe('complete');
      expect(textOf(seen.values)).toBe('');
    });

    spec('stops waiting after `timeouts.close` if the peer never ends', async (h) => {
      const { app, seen, peer } = await connect(h, site, { close: 60 });
      const got = reading(h, peer);
      const start = performance.now();
      app.complete();
      await seen.ended;
      expect(seen.state).toBe('complete');
      expect(performance.now() - start).toBeGreaterThan(50);
      expect(performance.now() - start).toBeLessThan(2500); // its default is 3 s
      await h.until(() => got.ended, 'our FIN');
    });

    spec('stops waiting if no byte is sent for `timeouts.close`', async (h) => {
      const { app, seen } = await connect(h, site, { close: 60 });
      app.next(bytes(Buffer.alloc(32 * MIB)));
      app.complete();
      await seen.ended;
      expect(seen.state).toBe('complete');
      expect(sentOf(seen.values)).toBeLessThan(32 * MIB);
    });

    spec('waits longer than `timeouts.close` while bytes are sent, however slowly', async (h) => {
      const { app, seen, peer } = await connect(h, site, { close: 1500 });
      const payload = randomBytes(12 * MIB);
      app.next(bytes(payload));
      app.complete();
      // A reader that reads a part every 120 ms: in all, longer than 1.5 s.
      const chunks: Buffer[] = [];
      let allowed = 0;
      const timer = setInterval(() => {
        allowed += 0.7 * MIB;
        peer.resume();
      }, 120);
      h.defer(() => clearInterval(timer));
      let got = 0;
      peer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        got += chunk.length;
        if (got > allowed) peer.pause();
      });
      peer.on('end', () => peer.end());
      await seen.ended;
      expect(seen.state).toBe('complete');
      // All bytes are sent. The last ones may not have reached this slow reader yet.
      await h.until(() => got === payload.length);
      h.sameBytes(chunks, payload);
    });

    spec('does not keep the process alive while it waits for the peer', async (h) => {
      const { app, peer } = await connect(h, site, { close: 60_000 });
      const got = reading(h, peer);
      await new Promise(setImmediate);
      const activeResources = (): number => process.getActiveResourcesInfo().length;
      const before = activeResources();
      app.complete();
      await h.until(() => got.ended, 'our FIN');
      await h.until(() => activeResources() < before, 'nothing keeps the process');
    });

    spec('completes at once before the connection is open', async (h) => {
      const { to } = await listen(h, site);
      const app = new Subject<Flow>();
      const seen = h.observed(app.pipe(site.wire(testDial({ to }))));
      app.complete();
      expect(seen.state).toBe('complete');
    });
  });
}
