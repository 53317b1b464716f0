import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { handshakeBroken, handshakeDeadline } from '../../src/layers/handshake-deadline.ts';

describe('handshakeDeadline', () => {
  it.each([
    ['timeouts.handshake, when it is the smaller', 50, 200, 50],
    ['what is left of the deadline, when it is the smaller', 200, 50, 50],
    ['nothing, when the deadline is over', 50, -5, 0],
  ])('reports ETOHANDSHAKE after %s', (_, handshake, deadline, ms) => {
    const scheduler = new VirtualTimeScheduler();
    const told: unknown[] = [];
    const dial = testDial({ scheduler, timeouts: { handshake }, deadline: scheduler.now() + deadline, layer: 'ssl' });
    handshakeDeadline(dial, 'knock', (error) => told.push([error.code, error.phase, error.layer, error.message, scheduler.frame]));
    scheduler.flush();
    const message = `ssl: the knock did not complete within ${ms} ms; raise timeouts.handshake or timeouts.establish if the peer is only slow [ETOHANDSHAKE]`;
    expect(told).toEqual([['ETOHANDSHAKE', 'handshake', 'ssl', message, expect.closeTo(ms, 0)]]);
  });

  it('reports nothing after it was unsubscribed, or if neither time is set', () => {
    const scheduler = new VirtualTimeScheduler();
    const late = (): never => {
      throw new Error('it was told');
    };
    handshakeDeadline(testDial({ scheduler, timeouts: { handshake: 50 } }), 'knock', late).unsubscribe();
    handshakeDeadline(testDial({ scheduler, timeouts: { handshake: Infinity }, deadline: Infinity }), 'knock', late);
    scheduler.flush();
    expect(scheduler.actions).toEqual([]);
  });
});

describe('handshakeBroken', () => {
  const dial = testDial({ layer: 'ssl' });

  it('keeps code, number and facts, and names the layer of the handshake', () => {
    const cause = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: 'read ECONNRESET', facts: { syscall: 'read' } });
    const error = handshakeBroken(cause, dial);
    expect(error).toMatchObject({ code: 'ECONNRESET', errno: -104, syscall: 'read', phase: 'handshake', layer: 'ssl', fatal: true, cause });
    expect((error as Error).message).toBe('ssl: connection broke during the handshake: read ECONNRESET [ECONNRESET]');
    expect(error).not.toHaveProperty('address');
  });

  it('returns an error that names a layer, and any other value, unchanged', () => {
    for (const error of [new IOStreamError('EPROXY', { phase: 'handshake', layer: 'proxy' }), new Error('why'), 'why', undefined])
      expect(handshakeBroken(error, dial)).toBe(error);
  });
});
