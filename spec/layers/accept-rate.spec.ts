import { describe, expect, it } from 'vitest';
import { AcceptRate } from '../../src/layers/accept-rate.ts';

/** Asks at each of the times, and counts what is within the rate. Returns the answers. */
function answers(perSecond: number, times: readonly number[], rate = new AcceptRate(), key = 'a'): boolean[] {
  return times.map((now) => {
    const isWithin = rate.isWithin(perSecond, key, now);
    if (isWithin) rate.count(key, now);
    return isWithin;
  });
}

describe('AcceptRate', () => {
  it('counts from the first event, and starts again after a second', () => {
    expect(answers(2, [500, 600, 700, 1499, 1500, 1500, 1501, 2500])).toEqual([true, true, false, false, true, true, false, true]);
  });

  it('stretches the second for rates below 1', () => {
    expect(answers(0.1, [0, 1, 9_999, 10_000, 19_999, 20_000])).toEqual([true, false, false, true, false, true]);
  });

  it('rounds 2.9 a second down to 2', () => {
    expect(answers(2.9, [0, 0, 0])).toEqual([true, true, false]);
  });

  it('counts each key by itself', () => {
    const rate = new AcceptRate();
    expect([...answers(1, [0, 0], rate, 'a'), ...answers(1, [0, 0], rate, 'b')]).toEqual([true, false, true, false]);
  });

  it('forgets a key when its second has ended', () => {
    const rate = new AcceptRate();
    for (let each = 0; each < 100; each += 1) answers(5, [each * 10], rate, `key ${each}`);
    expect(rate.size).toBe(100);
    answers(5, [1500], rate, 'late');
    expect(rate.size).toBe(50);
    answers(5, [9000], rate, 'later');
    expect(rate.size).toBe(1);
  });

  it('keeps at most 10,000 keys, and forgets the oldest first', () => {
    const rate = new AcceptRate();
    for (let each = 0; each < 30_000; each += 1) answers(1, [0], rate, `key ${each}`);
    expect(rate.size).toBeLessThanOrEqual(10_001);
    expect([rate.isWithin(1, 'key 0', 1), rate.isWithin(1, 'key 29999', 1)]).toEqual([true, false]);
  });
});
