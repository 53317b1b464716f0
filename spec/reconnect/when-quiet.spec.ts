import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { whenQuiet } from '../../src/reconnect/when-quiet.ts';

/** Returns when it calls back, on a virtual clock. There is traffic at the times of `bytesAt`. */
function quietAt(limit: number, bytesAt: readonly number[], isBusyUntil = 0): number[] {
  const scheduler = new TestScheduler(() => true);
  const calls: number[] = [];
  scheduler.run(({ flush }) => {
    let bytes = 0;
    for (const at of bytesAt) scheduler.schedule(() => void (bytes += 1), at);
    const traffic = { bytes: () => bytes, isBusy: () => scheduler.now() < isBusyUntil };
    const watch = whenQuiet(limit, scheduler, traffic, () => calls.push(scheduler.now()));
    scheduler.schedule(() => watch.unsubscribe(), 10_000);
    flush();
  });
  return calls;
}

describe('whenQuiet', () => {
  it('calls back once, after the time without traffic', () => {
    expect(quietAt(1000, [])).toStrictEqual([1000]);
  });

  it('calls back from the limit to a quarter more after the last traffic, whenever that was', () => {
    for (let last = 1; last < 2000; last += 37) {
      const [at = 0, ...others] = quietAt(1000, [last]);
      if (last < 1000) expect(at >= last + 1000 && at <= last + 1250, `${last} ${at}`).toBe(true);
      expect(others).toStrictEqual([]);
    }
  });

  it('waits while there is traffic, or another use', () => {
    expect(quietAt(1000, [100, 900, 1800, 2700])).toStrictEqual([3750]);
    expect(quietAt(1000, [], 3000)).toStrictEqual([3750]);
  });

  it('never calls back without a limit, or after it was unsubscribed', () => {
    expect(quietAt(Infinity, [])).toStrictEqual([]);
    expect(quietAt(20_000, [])).toStrictEqual([]);
  });
});
