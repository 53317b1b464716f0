import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { AsyncContext } from '../../src/util/async-context.ts';

describe('an async context', () => {
  const storage = new AsyncLocalStorage<string>();
  const storeIn = (context: AsyncContext): string[] => {
    const stores: string[] = [];
    const note = (): void => void stores.push(String(storage.getStore()));
    storage.run('caller', () => {
      context.runInAsyncScope(note, undefined);
      context.run(note, undefined, undefined);
    });
    return stores;
  };

  it('runs callbacks in the context of its creation', () => {
    expect(storeIn(storage.run('creation', () => new AsyncContext()))).toEqual(['creation', 'creation']);
  });

  it('runs them in that of the last capture instead', () => {
    const context = storage.run('creation', () => new AsyncContext());
    const other = storage.run('creation', () => new AsyncContext());
    for (const store of ['first', 'second']) storage.run(store, () => context.capture());
    expect(storeIn(context)).toEqual(['second', 'second']);
    expect(storeIn(other)).toEqual(['creation', 'creation']);
  });
});
