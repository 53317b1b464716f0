import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import { describe, expect } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { mux } from '../../src/mux/mux.ts';
import { FLAG, FRAME } from '../../src/protocol/yamux.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { RawPeer } from './mux-tools.ts';

/** Runs virtual time until `ms`: `flush` alone would run for ever, because each answer starts the next wait. */
function runUntil(scheduler: VirtualTimeScheduler, ms: number): void {
  scheduler.maxFrames = ms;
  scheduler.flush();
}

/** A mux in virtual time, and its raw peer. */
function virtualLink(answers: (ping: number) => boolean) {
  const scheduler = new VirtualTimeScheduler();
  const [a, b] = memoryPair();
  const below = new IOStream({ wire: a, scheduler });
  const link = mux(below, { role: 'client', keepAlive: { interval: 1000, timeout: 300 } });
  const peer = new RawPeer(new IOStream({ wire: b, scheduler }));
  peer.io.closed$.subscribe();
  let answered = 0;
  peer.io.data$.subscribe({
    next: () => {
      for (; answered < peer.frames.length; answered += 1)
        if (answers(answered)) peer.send(FRAME.PING, FLAG.ACK, 0, peer.frames[answered]!.length);
    },
    error: () => undefined,
  });
  return { scheduler, below, link, peer };
}

describe('the keepAlive of a mux', () => {
  spec('sends a ping after the interval without a byte, and waits for the next one after an answer', (h) => {
    const { scheduler, below, link, peer } = virtualLink(() => true);
    const closed = h.observed(link.closed$);
    runUntil(scheduler, 999);
    expect(peer.frames).toHaveLength(0);
    runUntil(scheduler, 10_000);
    expect(peer.frames.length).toBeGreaterThanOrEqual(6);
    expect(peer.frames[0]).toStrictEqual({ version: 0, type: FRAME.PING, flags: FLAG.SYN, stream: 0, length: 1 });
    expect(closed.state).toBe('open');
    below.reset();
  });

  spec('fails the mux with ETIMEDOUT when two pings get no answer', (h) => {
    const { scheduler, link, peer } = virtualLink(() => false);
    const io = h.watch(new IOStream({ wire: link.wire(), scheduler }));
    const closed = h.observed(link.closed$);
    runUntil(scheduler, 1598);
    expect(closed.state).toBe('open');
    runUntil(scheduler, 1700);
    expect(peer.frames.filter(({ type }) => type === FRAME.PING)).toHaveLength(2);
    h.error(closed.values[0]!.error, { code: 'ETIMEDOUT' });
    expect(String(closed.values[0]!.error)).toContain('answered none of 2 pings within 300 ms each');
    h.error(io.errors.values[0], { code: 'ETIMEDOUT' });
    expect(peer.io.state).toBe('closed');
  });

  spec('takes an answer to the second ping for life', (h) => {
    const { scheduler, below, link, peer } = virtualLink((ping) => ping % 2 === 1);
    const closed = h.observed(link.closed$);
    runUntil(scheduler, 10_000);
    expect(closed.state).toBe('open');
    expect(peer.frames.length).toBeGreaterThan(6);
    below.reset();
  });

  spec('sends no ping while bytes arrive', (h) => {
    const { scheduler, below, link, peer } = virtualLink(() => false);
    h.observed(link.errors$);
    for (let ms = 0; ms < 5000; ms += 500) scheduler.schedule(() => peer.send(FRAME.PING, FLAG.ACK, 0, 0), ms);
    runUntil(scheduler, 5000);
    expect(peer.frames).toHaveLength(0);
    below.reset();
  });

  spec('leaves no timer after the end of the mux, and none with false', async () => {
    const [a, b] = memoryPair();
    const link = mux(new IOStream({ wire: a }), { role: 'client', keepAlive: { interval: 60_000 } });
    mux(new IOStream({ wire: b }), { role: 'server', keepAlive: false });
    link.close();
    expect((await firstValueFrom(link.closed$)).by).toBe('us');
  });
});
