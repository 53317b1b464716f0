import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AwaitedClose } from '../../src/stream/awaited-close.ts';
import type { ErrorPolicy } from '../../src/stream/error-policy.ts';
import { Lifetime } from '../../src/stream/lifetime.ts';
import { StreamSettings } from '../../src/stream/settings.ts';

describe('AwaitedClose', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  function closedReport(): AwaitedClose {
    const lifetime = new Lifetime(0);
    lifetime.state = 'closing';
    return new AwaitedClose(lifetime, new StreamSettings({}), { markHandled() {} } as unknown as ErrorPolicy);
  }

  it('holds one timer, however many subscribers wait', () => {
    const { closed$ } = closedReport();
    closed$.subscribe();
    closed$.subscribe();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('holds no timer after the last subscriber has left, nor after the release', () => {
    const left = closedReport();
    const waiting = [left.closed$.subscribe(), left.closed$.subscribe()];
    waiting[0]?.unsubscribe();
    expect(vi.getTimerCount()).toBe(1);
    waiting[1]?.unsubscribe();
    expect(vi.getTimerCount()).toBe(0);
    const released = closedReport();
    released.closed$.subscribe();
    released.release();
    expect(vi.getTimerCount()).toBe(0);
  });
});
