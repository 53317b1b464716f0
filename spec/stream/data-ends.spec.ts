import { describe, expect } from 'vitest';
import { IN } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, streamPair, pattern, ticks } from './tools.ts';

describe('data$', () => {
  spec('emits the remaining bytes to a late subscriber, then completes', async (h) => {
    const [a, b] = streamPair(h);
    a.end('all of it');
    await closedReport(b);
    const seen = h.observed(b.data$);
    expect((await seen.ended).state).toBe('complete');
    h.sameBytes(seen.values, 'all of it');
  });

  spec('completes at once for a subscriber after the end', async (h) => {
    const [a, b] = streamPair(h);
    const first = h.observed(b.data$);
    a.end('x');
    await first.ended;
    for (const when of ['after EOF', 'when closed']) {
      const late = h.observed(b.data$, when);
      expect([(await late.ended).state, late.values]).toStrictEqual(['complete', []]);
      await closedReport(b);
    }
  });

  spec('completes on our own close, and emits no byte of inBuf after it', async (h) => {
    for (const isSubscribed of [true, false]) {
      const [a, b] = streamPair(h);
      a.write('unread');
      await h.until(() => b.inBuf.length > 0);
      const early = isSubscribed ? h.observed(b.data$) : undefined;
      b.close();
      const late = h.observed(b.data$);
      await closedReport(b);
      const after = h.observed(b.data$);
      for (const seen of [early, late, after]) if (seen) expect([(await seen.ended).state, seen.values]).toStrictEqual(['complete', []]);
      expect(String(b.inBuf)).toBe('unread');
    }
  });

  spec('errors on a fatal error after all bytes read before it', async (h) => {
    const [a, b] = streamPair(h);
    const sent = pattern(60_000);
    a.write(sent);
    const seen = h.observed(b.data$);
    await ticks(4);
    a.reset();
    h.error((await seen.ended).error, { code: 'ECONNRESET', phase: 'read' });
    h.sameBytes(seen.values, sent);
  });

  spec('errors for a late subscriber too, after the remaining bytes', async (h) => {
    const [a, b] = streamPair(h);
    h.watch(b);
    a.write('unread');
    await h.until(() => b.inBuf.length > 0);
    a.reset();
    await closedReport(b);
    const seen = h.observed(b.data$);
    h.error((await seen.ended).error, { code: 'ECONNRESET' });
    h.sameBytes(seen.values, 'unread');
    const later = h.observed(b.data$);
    h.error((await later.ended).error, { code: 'ECONNRESET' });
    expect(later.values).toStrictEqual([]);
  });

  spec('errors on an abort after all bytes read before it, also in the tick of its subscription', async (h) => {
    const controller = new AbortController();
    const [a, b] = streamPair(h, {}, { signal: controller.signal });
    a.write('read before');
    await h.until(() => b.inBuf.length > 0);
    const seen = h.observed(b.data$);
    controller.abort();
    await seen.ended;
    expect((seen.error as Error).name).toBe('AbortError');
    h.sameBytes(seen.values, 'read before');
  });

  spec('completes when a reset follows EOF and nothing is pending, and the stream is closed by the peer', async (h) => {
    const [a, b] = streamPair(h, {}, { allowHalfOpen: true });
    h.watch(b);
    const seen = h.observed(b.data$);
    a.end('whole');
    await seen.ended;
    a.reset();
    expect((await closedReport(b)).by).toBe('peer');
    expect(seen.state).toBe('complete');
    const late = h.observed(b.data$);
    expect((await late.ended).state).toBe('complete');
  });

  spec('emits the remaining bytes of a closed stream to a late subscriber, although it is paused', async (h) => {
    const [a, b] = streamPair(h);
    a.end('all unread');
    b.end();
    await closedReport(b);
    b.pause();
    const late = h.observed(b.data$);
    expect((await late.ended).state).toBe('complete');
    h.sameBytes(late.values, 'all unread');
  });

  spec('emits the bytes of a paused stream before its error', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    await ticks();
    a.write('buffered');
    b.events$.subscribe(({ mask }) => {
      if (mask & IN) b.pause();
    });
    await h.until(() => b.inBuf.length > 0);
    b.resume();
    b.pause();
    a.reset();
    b.resume();
    h.error((await seen.ended).error, { code: 'ECONNRESET' });
    h.sameBytes(seen.values, 'buffered');
  });

  spec('emits the chunk in which a subscriber aborts to all subscribers, then errors', async (h) => {
    for (const early of [true, false]) {
      const controller = new AbortController();
      const [a, b] = streamPair(h, {}, { signal: controller.signal });
      if (early) a.write('chunk');
      await ticks();
      b.data$.subscribe({ next: () => controller.abort(), error: () => {} });
      const second = h.observed(b.data$);
      if (!early) {
        await ticks();
        a.write('chunk');
      }
      expect(((await second.ended).error as Error).name).toBe('AbortError');
      h.sameBytes(second.values, 'chunk');
    }
  });
});
