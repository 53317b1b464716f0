import { describe, expect, it } from 'vitest';
import { SentTracker } from '../../src/stream/sent-tracker.ts';

function counters(): { accepted: number; sent: number } {
  return { accepted: 0, sent: 0 };
}

/** Writes pieces in order: bytes that the tracker counts (ours), and bytes of other writers (theirs). */
function write(
  writes: ReturnType<typeof counters>,
  tracker: SentTracker,
  ...pieces: readonly (readonly [whose: 'ours' | 'theirs', length: number])[]
): void {
  for (const [whose, length] of pieces) {
    writes.accepted += length;
    if (whose === 'ours') tracker.add(length);
  }
}

describe('SentTracker', () => {
  it('counts the sent bytes of one writer among those of others', () => {
    const writes = counters();
    const tracker = new SentTracker(writes);
    write(writes, tracker, ['theirs', 2], ['ours', 3], ['ours', 1], ['theirs', 4], ['ours', 2], ['theirs', 1]);
    const counts = Array.from({ length: 14 }, (_, sent) => {
      writes.sent = sent;
      return [tracker.sent(), tracker.isWaiting];
    });
    const expected = [0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 5, 6, 6];
    expect(counts).toStrictEqual(expected.map((count, sent) => [count, sent < 12]));
  });

  it('does not wait without bytes, nor for empty chunks', () => {
    const writes = counters();
    const tracker = new SentTracker(writes);
    expect([tracker.sent(), tracker.isWaiting]).toStrictEqual([0, false]);
    write(writes, tracker, ['theirs', 5], ['ours', 0]);
    expect([tracker.sent(), tracker.isWaiting]).toStrictEqual([0, false]);
  });

  it('continues after all bytes were sent', () => {
    const writes = counters();
    const tracker = new SentTracker(writes);
    for (let round = 1; round <= 1000; round += 1) {
      write(writes, tracker, ['ours', 7], ['theirs', round % 2]);
      expect(tracker.isWaiting).toBe(true);
      writes.sent = writes.accepted;
      expect([tracker.sent(), tracker.isWaiting]).toStrictEqual([7 * round, false]);
    }
  });

  it('neither waits for replaced bytes nor counts them', () => {
    const writes = counters();
    const tracker = new SentTracker(writes);
    write(writes, tracker, ['ours', 10]);
    writes.sent = 4;
    writes.accepted = 4; // the queued bytes were replaced
    expect([tracker.sent(), tracker.isWaiting]).toStrictEqual([4, false]);
    write(writes, tracker, ['theirs', 3], ['ours', 2]);
    writes.sent = 7;
    expect([tracker.sent(), tracker.isWaiting]).toStrictEqual([4, true]);
    writes.sent = 9;
    expect([tracker.sent(), tracker.isWaiting]).toStrictEqual([6, false]);
  });
});
