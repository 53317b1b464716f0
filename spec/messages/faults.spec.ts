import { describe, expect, it } from 'vitest';
import { App, connectedApps, testChannel, typesOf, type Deliver } from './message-tools.ts';
import { Clock } from '../../src/testing/rules/clock.ts';

const TO_B = ['one ', 'two ', 'three ', 'four'];
const TO_A = ['five ', 'six'];

/** Both ends send their texts and end. Runs until nothing can happen any more: the pings have found all that is lost. */
function exchange(deliver: Deliver): { a: App; b: App; messages: number } {
  const clock = new Clock();
  const channel = testChannel({ scheduler: clock, deliver });
  const [a, b] = [new App(channel.ends[0], clock), new App(channel.ends[1], clock)];
  for (const [app, texts] of [
    [a, TO_B],
    [b, TO_A],
  ] as const) {
    const [first = '', ...others] = texts;
    app.onSignal = ({ kind }) => {
      if (kind === 'connected') app.write(first);
      // One at a time, so that each message follows an acknowledgement.
      if (kind !== 'sent') return;
      const next = others.shift();
      if (next !== undefined) app.write(next);
      else app.send('end');
    };
  }
  clock.advance(20);
  const { length } = channel.sent[0];
  clock.advance(1_000_000);
  return { a, b, messages: length };
}

/** Fails unless each end has got all, or a part and an error. */
function expectWholeOrNamed({ a, b }: { a: App; b: App }, codes: readonly string[]): void {
  for (const [app, texts] of [
    [a, TO_A],
    [b, TO_B],
  ] as const) {
    const whole = texts.join('');
    expect(whole.startsWith(app.text)).toBe(true);
    if (app.outcome === 'complete') expect(app.text).toBe(whole);
    else expect(codes).toContain(app.outcome);
  }
}

const { messages } = exchange((message) => [message]);
const all = Array.from({ length: messages }, (_, index) => index);

describe('overMessages over a channel with faults', () => {
  it('completes both ends without a fault', () => {
    const { a, b } = exchange((message) => [message]);
    expect([a.outcome, b.outcome, a.text, b.text]).toEqual(['complete', 'complete', TO_A.join(''), TO_B.join('')]);
    expect(messages).toBeGreaterThan(8);
  });

  it('is whole, or fails by name, whichever message is lost', () => {
    const outcomes = all.map((lost) => {
      const run = exchange((message, index) => (index === lost ? [] : [message]));
      expectWholeOrNamed(run, ['EGAP', 'ECONNRESET', 'ETIMEDOUT']);
      return run.b.outcome;
    });
    expect(outcomes).toContain('EGAP');
  });

  it('is whole, or fails by name, from whichever message on the channel is cut', () => {
    for (const cut of all)
      expectWholeOrNamed(
        exchange((message, index) => (index >= cut ? [] : [message])),
        ['ETIMEDOUT', 'ETOCONNECT', 'ECONNRESET'],
      );
  });

  it('drops duplicates, whichever message is doubled, at once or later', () => {
    for (const doubled of all)
      for (const distance of [0, 1, 3]) {
        let kept: Uint8Array | undefined;
        const run = exchange((message, index) => {
          if (index === doubled) kept = message;
          return index === doubled + distance && kept ? [message, kept] : [message];
        });
        expect([run.a.outcome, run.b.outcome, run.a.text, run.b.text]).toEqual(['complete', 'complete', TO_A.join(''), TO_B.join('')]);
      }
  });

  it('is whole, or reports EGAP, whichever two messages change places', () => {
    for (const swapped of all) {
      let held: Uint8Array | undefined;
      const run = exchange((message, index) => {
        if (index !== swapped) return held && index === swapped + 1 ? [message, held] : [message];
        held = message;
        return [];
      });
      expectWholeOrNamed(run, ['EGAP', 'ECONNRESET', 'ETIMEDOUT']);
    }
  });

  it('finds the loss of the last message by a ping', () => {
    const { clock, channel, a, b } = connectedApps({ deliver: (message) => (message[1] === 2 ? [] : [message]) });
    a.write('last words');
    clock.advance(29_000);
    expect([a.outcome, b.outcome]).toEqual(['open', 'open']);
    clock.advance(2_000);
    expect([a.outcome, b.outcome, b.text]).toEqual(['ECONNRESET', 'EGAP', '']);
    expect(String(b.error)).toContain('expected position 0, got');
    expect(String(b.error)).toContain('at position 10 (10 positions are missing)');
    expect(String(a.error)).toContain('it reports EGAP');
    expect(typesOf(channel.sent[1])).toContain('RESET');
  });

  it('emits the bytes before a gap first, also to an application that is paused', () => {
    let lose = false;
    const { clock, a, b } = connectedApps({ deliver: (message) => (lose && message[1] === 2 ? [] : [message]) });
    b.send('pause');
    a.write('kept');
    clock.advance(1);
    lose = true;
    a.write('lost');
    lose = false;
    a.write('after');
    clock.advance(1);
    expect([b.text, b.outcome]).toEqual(['kept', 'EGAP']);
  });
});
