import { describe, expect, it } from 'vitest';
import { ALL_EVENTS, CONNECTED, EOF, eventNames, IN, OUT, RESOLVED, SENT } from '../src/events.ts';

describe('events', () => {
  it('have the numbers of the manual', () => {
    expect({ RESOLVED, CONNECTED, IN, OUT, EOF, SENT }).toEqual({ RESOLVED: 1, CONNECTED: 2, IN: 4, OUT: 8, EOF: 16, SENT: 32 });
  });

  it('fill six bits', () => {
    expect(ALL_EVENTS).toBe(63);
  });
});

describe('eventNames', () => {
  it('returns no name for an empty mask', () => {
    expect(eventNames(0)).toEqual([]);
  });

  it('returns the name of the constant for each event', () => {
    expect(Object.entries({ RESOLVED, CONNECTED, IN, OUT, EOF, SENT }).map(([name, mask]) => [name, eventNames(mask)])).toEqual(
      ['RESOLVED', 'CONNECTED', 'IN', 'OUT', 'EOF', 'SENT'].map((name) => [name, [name]]),
    );
  });

  it('returns all names in the order of their bits', () => {
    expect(eventNames(EOF | IN | RESOLVED)).toEqual(['RESOLVED', 'IN', 'EOF']);
    expect(eventNames(ALL_EVENTS)).toEqual(['RESOLVED', 'CONNECTED', 'IN', 'OUT', 'EOF', 'SENT']);
  });

  it('ignores bits that are no event', () => {
    expect(eventNames(64 | SENT | (2 ** 20))).toEqual(['SENT']);
    expect(eventNames(-1)).toEqual(eventNames(ALL_EVENTS));
  });
});
