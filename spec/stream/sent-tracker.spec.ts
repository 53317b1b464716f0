import { describe, expect, it } from 'vitest';
import { SentTracker } from '../../src/stream/sent-tracker.ts';

function counters(): { accepted: number; sent: number } {
  return { accepted: 0, sent: 0 };
}

/** What one writer gives, in order: so many bytes of his own, or so many of others. */
function given(
  writes: ReturnType<typeof counters>,
  share: SentTracker,
  ...pieces: readonly (readonly [whose: 'ours' | 'theirs', length: number])[]
): void {
  for (const [whose, length] of pieces) {
    writes.accepted += length;
    if (whose === 'ours') share.add(length);
  }
}

describe('Share', () => {
  it('counts the bytes of one writer that have left, with those of others before, between and behind them', () => {
    const writes = counters();
    const share = new SentTracker(writes);
    given(writes, share, ['theirs', 2], ['ours', 3], ['ours', 1], ['theirs', 4], ['ours', 2], ['theirs', 1]);
    const counts = Array.from({ length: 14 }, (_, left) => {
      writes.sent = left;
      return [share.sent(), share.isWaiting];
    });
    const expected = [0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 5, 6, 6];
    expect(counts).toStrictEqual(expected.map((count, left) => [count, left < 12]));
  });

  it('waits for nothing when nothing was given, nor for empty chunks', () => {
    const writes = counters();
    const share = new SentTracker(writes);
    expect([share.sent(), share.isWaiting]).toStrictEqual([0, false]);
    given(writes, share, ['theirs', 5], ['ours', 0]);
    expect([share.sent(), share.isWaiting]).toStrictEqual([0, false]);
  });

  it('goes on when all has left', () => {
    const writes = counters();
    const share = new SentTracker(writes);
    for (let round = 1; round <= 1000; round += 1) {
      given(writes, share, ['ours', 7], ['theirs', round % 2]);
      expect(share.isWaiting).toBe(true);
      writes.sent = writes.accepted;
      expect([share.sent(), share.isWaiting]).toStrictEqual([7 * round, false]);
    }
  });

  it('does not wait for bytes that were replaced, and does not count them', () => {
    const writes = counters();
    const share = new SentTracker(writes);
    given(writes, share, ['ours', 10]);
    writes.sent = 4;
    writes.accepted = 4; // what waited was thrown away
    expect([share.sent(), share.isWaiting]).toStrictEqual([4, false]);
    given(writes, share, ['theirs', 3], ['ours', 2]);
    writes.sent = 7;
    expect([share.sent(), share.isWaiting]).toStrictEqual([4, true]);
    writes.sent = 9;
    expect([share.sent(), share.isWaiting]).toStrictEqual([6, false]);
  });
});
