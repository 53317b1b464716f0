import { BehaviorSubject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Clock } from '../../src/testing/rules/clock.ts';
import { App, testChannel, typesOf } from './message-tools.ts';

/** Two connected applications. The first one writes to a channel that may be blocked. */
function blockable(keepAlive?: false) {
  const clock = new Clock();
  const channel = testChannel({ scheduler: clock });
  const writable$ = new BehaviorSubject(true);
  const a = new App({ ...channel.ends[0], writable$ }, clock, { window: 100 });
  const b = new App(channel.ends[1], clock, { window: 100, keepAlive });
  clock.advance(1);
  return { clock, channel, writable$, a, b };
}

describe('overMessages over a channel with `writable$`', () => {
  it('sends nothing while it is false, and pauses the application at a window', () => {
    const { clock, channel, writable$, a, b } = blockable();
    writable$.next(false);
    const { length } = channel.sent[0];
    b.write('to a');
    a.write('x'.repeat(100));
    clock.advance(5000);
    expect([channel.sent[0].length, a.text, a.has('pause'), b.text]).toEqual([length, 'to a', true, '']);
    writable$.next(true);
    clock.advance(1);
    expect([b.text.length, a.sent, b.sent, a.signals.at(-1)?.kind]).toEqual([100, 100, 4, 'resume']);
  });

  it('sends a PING when it is true again, so that lost messages are noticed', () => {
    const { clock, channel, writable$ } = blockable();
    writable$.next(false);
    const { length } = channel.sent[0];
    writable$.next(true);
    clock.advance(1);
    expect(typesOf(channel.sent[0].slice(length))[0]).toBe('PING');
  });

  it('fails with ETIMEDOUT when no ping can be sent', () => {
    const { clock, writable$, a } = blockable(false);
    writable$.next(false);
    clock.advance(60_000);
    expect(a.outcome).toBe('ETIMEDOUT');
    expect(String(a.error)).toContain('the channel accepted none of 2 pings');
  });

  it('completes when the last acknowledgement could be sent', () => {
    const { clock, writable$, a, b } = blockable();
    a.send('end');
    clock.advance(1);
    writable$.next(false);
    b.send('end');
    clock.advance(1000);
    expect([a.outcome, b.outcome]).toEqual(['open', 'open']);
    writable$.next(true);
    clock.advance(1);
    expect([a.outcome, b.outcome]).toEqual(['complete', 'complete']);
  });

  it('fails with the error of `writable$`', () => {
    const { writable$, a } = blockable();
    writable$.error(new Error('gone'));
    expect([a.outcome, String(a.error)]).toEqual(['ECONNRESET', expect.stringContaining('the channel failed: gone')]);
  });

  it('connects when it becomes true', () => {
    const clock = new Clock();
    const channel = testChannel({ scheduler: clock });
    const writable$ = new BehaviorSubject(false);
    const a = new App({ ...channel.ends[0], writable$ }, clock);
    const b = new App(channel.ends[1], clock);
    clock.advance(3000);
    expect([channel.sent[0].length, a.has('connected')]).toEqual([0, false]);
    writable$.next(true);
    clock.advance(1);
    expect([a.has('connected'), b.has('connected')]).toEqual([true, true]);
  });
});
