import { describe, expect, it } from 'vitest';
import { OnceEmitter } from '../../src/util/once-emitter.ts';

describe('OnceEmitter', () => {
  it('emits the value to all subscribers in order before it completes the first', () => {
    const emitter = new OnceEmitter<{ n: number }>();
    const log: string[] = [];
    for (const name of ['a', 'b', 'c'])
      emitter.value$.subscribe({ next: ({ n }) => log.push(`${name}${n}`), complete: () => log.push(`${name}|`) });
    emitter.emit({ n: 1 });
    emitter.emit({ n: 2 });
    expect(log.join(' ')).toBe('a1 b1 c1 a| b| c|');
  });

  it('emits nothing to subscribers that left, at either end or in the middle', () => {
    const emitter = new OnceEmitter<{ n: number }>();
    const log: number[] = [];
    const all = [0, 1, 2, 3, 4].map((index) => emitter.value$.subscribe(() => log.push(index)));
    for (const index of [2, 0, 4]) all[index]?.unsubscribe();
    emitter.emit({ n: 1 });
    expect(log).toStrictEqual([1, 3]);
  });

  it('replays the value to a subscriber that comes during the emission, and later', () => {
    const emitter = new OnceEmitter<{ n: number }>();
    const log: string[] = [];
    emitter.value$.subscribe(() => emitter.value$.subscribe({ next: () => log.push('inner'), complete: () => log.push('inner|') }));
    emitter.emit({ n: 1 });
    emitter.value$.subscribe(() => log.push('late'));
    expect(log).toStrictEqual(['inner', 'inner|', 'late']);
  });
});
