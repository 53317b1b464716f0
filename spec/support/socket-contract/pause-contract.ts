import { randomBytes } from 'node:crypto';
import { Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { testDial } from '../../../src/testing/test-dial.ts';
import { PAUSE, RESUME, type Flow } from '../../../src/wire/signal.ts';
import { inWords, sentOf, textOf } from '../signal-text.ts';
import { spec } from '../spec.ts';
import { bytes, connect, listen, MIB, reading, type SocketSite } from './socket-site.ts';

/** Backpressure in both directions. */
export function pauseContract(site: SocketSite): void {
  describe('pause and resume', () => {
    spec('stop and continue the inbound data without loss', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      app.next(PAUSE);
      const payload = randomBytes(24 * MIB);
      let written = false;
      peer.end(payload, () => (written = true));
      // When the socket of the peer is full, the kernel has accepted all that it can.
      await h.until(() => peer.writableLength > 0 && !written, 'the peer is stuck');
      const before = textOf(seen.values).length;
      expect(before).toBeLessThanOrEqual(128 * 1024);
      app.next(RESUME);
      await seen.value(({ kind }) => kind === 'end');
      h.sameBytes(
        seen.values.flatMap((signal) => (signal.kind === 'data' ? [signal.bytes] : [])),
        payload,
      );
    });

    spec('work before the connection is open', async (h) => {
      const { to, peers } = await listen(h, site);
      const app = new Subject<Flow>();
      const seen = h.observed(app.pipe(site.wire(testDial({ to }))));
      app.next(RESUME);
      app.next(PAUSE);
      await seen.value(({ kind }) => kind === 'connected');
      await h.until(() => peers.length > 0, 'the peer');
      await new Promise((resolve) => peers[0]?.write('x', resolve));
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      expect(textOf(seen.values)).toBe('');
      app.next(RESUME);
      await h.until(() => textOf(seen.values) === 'x', 'the byte');
    });

    spec('are emitted when the peer stops reading, and when it reads again', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const chunk = Buffer.alloc(64 * 1024);
      let written = 0;
      const isFull = (): boolean =>
        inWords(seen.values)
          .filter((word) => word === 'pause' || word === 'resume')
          .at(-1) === 'pause';
      // Most writes pause for one tick. The socket is full if the pause lasts longer.
      for (let quiet = 0; quiet < 20; quiet += 1) {
        if (!isFull()) {
          app.next(bytes(chunk));
          written += chunk.length;
          quiet = 0;
        }
        await new Promise(setImmediate);
      }
      expect(sentOf(seen.values)).toBeLessThan(written);
      const got = reading(h, peer);
      await h.until(() => !isFull() && sentOf(seen.values) === written, 'resumed and sent');
      await h.until(() => got.bytes.length === written, 'all there');
    });
  });
}
