import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { END } from '../../../src/wire/signal.ts';
import { data, sentOf } from '../signal-text.ts';
import { spec } from '../spec.ts';
import { bytes, connect, MIB, reading, type SocketSite } from './socket-site.ts';

/** The `sent` signals count the bytes that the kernel has accepted. */
export function sentContract(site: SocketSite): void {
  describe('sent', () => {
    spec('is emitted at least every 256 KiB of a long write to a slow reader, with the exact sum', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const payload = randomBytes(16 * MIB);
      app.next(bytes(payload));
      expect(sentOf(seen.values)).toBeLessThan(payload.length);
      const totals = new Set<number>();
      const got: Buffer[] = [];
      peer.on('readable', () => {});
      // A reader that reads a little in each turn of the event loop.
      await h.until(() => {
        const chunk = (peer.read(65_536) ?? peer.read()) as Buffer | null;
        if (chunk) got.push(chunk);
        return totals.add(sentOf(seen.values)).has(payload.length);
      }, 'all sent');
      const steps = seen.values.flatMap((signal) => (signal.kind === 'sent' ? [signal.bytes] : []));
      expect(Math.max(...steps)).toBeLessThanOrEqual(256 * 1024);
      // The kernel accepts a few MiB at once, and the rest as the peer reads.
      expect(totals.size).toBeGreaterThan(5);
      app.next(END);
      for await (const chunk of peer) got.push(chunk as Buffer);
      h.sameBytes(got, payload);
    });

    spec('does not count bytes that were lost', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      app.next(bytes(Buffer.alloc(32 * MIB)));
      await new Promise(setImmediate);
      peer.destroy();
      await seen.ended;
      expect(['EPIPE', 'ECONNRESET']).toContain((seen.error as { code?: string }).code);
      expect(sentOf(seen.values)).toBeLessThan(32 * MIB);
    });

    spec('is exact for many small writes of one tick before an end', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      const got = reading(h, peer);
      for (let turn = 0; turn < 10_000; turn += 1) app.next(data('0123456789'));
      app.next(END);
      await h.until(() => got.ended, 'our FIN');
      expect(got.bytes.length).toBe(100_000);
      await h.until(() => sentOf(seen.values) === 100_000, 'all sent');
    });
  });
}
