import { expect } from 'vitest';
import { describePeer, started } from '../interop/peers.ts';
import { startBroker } from '../interop/peers/nats.ts';
import { spec } from '../support/spec.ts';
import { cutRoutes, drainNodes, killBrokers, stopNode } from './proofs/proofs.ts';

/** Brokers that start again need seconds, many on a busy machine. */
/** `npm run soak:nats` runs the same with larger numbers. */
describePeer('streams through NATS', 'nats-server', () => {
  const broker = started(startBroker);

  spec('are in order and whole, or fail by name, while the routes between brokers are cut', async () => {
    const { sent, received, frames, cuts } = await cutRoutes({ frames: 20_000, width: 10, cutEvery: 300, maxCuts: 1, perStream: 500 });
    expect([received.short, received.wrong, sent.short, sent.wrong]).toEqual([undefined, undefined, undefined, undefined]);
    expect(received.whole).toBeGreaterThan(0);
    expect(frames).toBeGreaterThanOrEqual(20_000);
    expect(cuts).toBe(1);
  });

  spec('are whole, or fail by name, when a broker is killed', async () => {
    const { sent, received, kills } = await killBrokers({ total: 4, width: 4, length: 4_000_000, killEvery: 1, maxKills: 1 });
    expect([received.short, received.wrong, sent.short]).toEqual([undefined, undefined, undefined]);
    expect([sent.whole, kills]).toEqual([4, 1]);
  });

  spec('notice within two pings that a node was killed, or that it hangs', async () => {
    const times = { width: 5, interval: 500, timeout: 500 };
    const stopped = await Promise.all((['SIGKILL', 'SIGSTOP'] as const).map((signal) => stopNode(broker().url, signal, times)));
    for (const { codes, ms } of stopped) {
      expect(codes).toEqual({ ETIMEDOUT: 5 });
      expect(ms).toBeLessThan(500 + 2 * 500 + 10_000); // The default would take 30 seconds and more.
    }
  });

  spec('are all served while nodes are drained and replaced', async () => {
    const { replies, cut } = await drainNodes(broker().url, { drains: 5, width: 10 });
    expect(Object.keys(replies)).toEqual(['whole']);
    expect(replies.whole).toBeGreaterThan(20);
    expect(cut).toBe(0);
  });
});
