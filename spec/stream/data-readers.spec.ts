import type { Subscription } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { DataReaders } from '../../src/stream/data-readers.ts';

const { gc } = globalThis as { gc?: () => void };

function readers(): DataReaders {
  return new DataReaders({ readerAdded() {}, readerEnded() {}, readerLeft() {} });
}

/** Subscribes, receives a chunk and leaves. */
function visit(all: DataReaders): WeakRef<Subscription> {
  const subscription = all.data$.subscribe();
  all.emit(Buffer.from('a'));
  subscription.unsubscribe();
  return new WeakRef(subscription);
}

describe('DataReaders', () => {
  it('releases a second subscriber that has left, without waiting for the next change', async () => {
    const all = readers();
    all.data$.subscribe();
    const visitor = visit(all);
    for (let turn = 0; turn < 10; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      gc?.();
    }
    expect([visitor.deref(), all.isEmpty]).toEqual([undefined, false]);
  });
});
