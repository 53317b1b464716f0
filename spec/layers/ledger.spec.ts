import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/layers/ledger.ts';
import { cpuTime } from '../support/cpu-time.ts';

/** A ledger of a layer that was given and made so much, step by step. */
function ledgerOf(...steps: readonly (readonly [given: number, made: number, held?: number])[]): Ledger {
  const ledger = new Ledger();
  for (const [given, made, held] of steps) {
    ledger.consumed += given;
    ledger.produced += made;
    ledger.settle(held);
  }
  return ledger;
}

describe('Ledger', () => {
  it.each<[string, Ledger, sent: number[], news: number[]]>([
    ['nothing given', ledgerOf(), [0], [0]],
    ['one for one', ledgerOf([3, 3]), [3], [3]],
    ['all of what holds them', ledgerOf([2, 5]), [4, 1], [0, 2]],
    ['one after another', ledgerOf([2, 4], [3, 6]), [4, 3, 3], [2, 0, 3]],
    ['many at once', ledgerOf([2, 4], [3, 6]), [10], [5]],
    ['swallowed, with nothing before them', ledgerOf([3, 0]), [0, 0], [3, 0]],
    ['swallowed, with what is before them', ledgerOf([3, 3], [2, 0]), [0, 3], [0, 5]],
    ['held back', ledgerOf([6, 4, 2], [2, 4]), [4, 4], [4, 4]],
    ['a farewell that holds none', ledgerOf([2, 2], [0, 3]), [2, 3], [2, 0]],
  ])('counts how many of the accepted bytes are sent: %s', (_, ledger, sent, news) => {
    expect(sent.map((bytes) => ledger.sent(bytes))).toEqual(news);
  });

  it('knows what was sent before it was settled', () => {
    const ledger = new Ledger();
    ledger.consumed = 2;
    ledger.produced = 4;
    expect(ledger.sent(4)).toBe(0);
    ledger.settle();
    expect(ledger.sent(0)).toBe(2);
  });

  it('takes the same time for each write, however many were sent before', () => {
    const ledger = new Ledger();
    const start = cpuTime();
    for (let write = 1; write <= 50_000; write += 1) {
      ledger.consumed += 1;
      ledger.produced += 1;
      ledger.settle();
      expectSent(ledger.sent(1));
    }
    // About 10 ms; two seconds and more if entries are kept after their bytes were sent.
    expect(cpuTime() - start).toBeLessThan(1000);
  });
});

/** Cheaper than `expect`, for a loop. */
function expectSent(count: number): void {
  if (count !== 1) throw new Error(`expected 1 byte to be sent, got ${count}`);
}
