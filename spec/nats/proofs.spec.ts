import { expect } from 'vitest';
import { describePeer, started } from '../interop/peers.ts';
import { startBroker } from '../interop/peers/nats.ts';
import { spec } from '../support/spec.ts';
import { cutRoutes, drainNodes, killBrokers, stopNode } from './proofs/proofs.ts';

/** `npm run soak:nats` runs the same with larger numbers. */
describePeer('streams through NATS', 'nats-server', () => {
  const broker = started(startBroker);

  spec('are in order and whole, or fail by name, while the routes between brokers are cut', async () => {
    const { sent, received, frames, cuts } = await cutRoutes({ frames: 20_000, width: 10, cutEvery: 1500, perStream: 500 });
    expect([received.short, received.wrong, sent.short, sent.wrong]).toEqual([undefined, undefined, undefined, undefined]);
    expect(received.whole).toBeGreaterThan(0);
    expect(frames).toBeGreaterThanOrEqual(10_000);
    expect(cuts).toBeGreaterThanOrEqual(0);
  });

  spec('are whole, or fail by name, when brokers are killed', async () => {
    const { sent, received, kills } = await killBrokers({ total: 8, width: 4, length: 3_000_000, killEvery: 300 });
    expect([received.short, received.wrong, sent.short]).toEqual([undefined, undefined, undefined]);
    expect(sent.whole).toBe(8);
    expect(kills).toBeGreaterThan(0);
  });

  for (const signal of ['SIGKILL', 'SIGSTOP'] as const)
    spec(`notice within two pings that a node got ${signal}`, async () => {
      const { codes, ms } = await stopNode(broker().url, signal, { width: 5, interval: 300, timeout: 200 });
      expect(codes).toEqual({ ETIMEDOUT: 5 });
      expect(ms).toBeLessThan(300 + 2 * 200 + 300);
    });

  spec('are all served while nodes are drained and replaced', async () => {
    const { replies, cut } = await drainNodes(broker().url, { drains: 5, width: 10 });
    expect(Object.keys(replies)).toEqual(['whole']);
    expect(replies.whole).toBeGreaterThan(20);
    expect(cut).toBe(0);
  });
});
