import { describe, expect, it } from 'vitest';
import { SentObservers } from '../../src/stream/sent-observers.ts';

function logged(): { log: string[]; observer: (name: string) => { onSent: () => void } } {
  const log: string[] = [];
  return { log, observer: (name) => ({ onSent: () => void log.push(name) }) };
}

describe('SentObservers', () => {
  it('notifies in order, and skips observers whose bytes start later', () => {
    const { log, observer } = logged();
    const observers = new SentObservers();
    observers.add(observer('a'), 0);
    observers.add(observer('b'), 10);
    const remove = observers.add(observer('all'));
    observers.add(observer('c'), 20);
    observers.notify(10);
    expect(log.splice(0)).toStrictEqual(['a', 'all']);
    remove();
    remove();
    observers.notify(11);
    expect(log.splice(0)).toStrictEqual(['a', 'b']);
  });

  it('notifies all observers when queued bytes were replaced, and of the bytes that take their places', () => {
    const { log, observer } = logged();
    const observers = new SentObservers();
    observers.add(observer('a'), 0);
    observers.add(observer('b'), 100);
    observers.replaced(5);
    expect(log.splice(0)).toStrictEqual(['a', 'b']);
    observers.notify(6);
    expect(log).toStrictEqual(['a', 'b']);
  });
});
