import { Subject, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Emitter } from '../../src/util/emitter.ts';

/** What both have in common. */
interface Source {
  readonly values$: Observable<number>;
  emit(value: number): void;
  complete(): void;
  readonly isEmpty: boolean;
}

function subject(): Source {
  const values$ = new Subject<number>();
  return {
    values$,
    emit: (value) => values$.next(value),
    complete: () => values$.complete(),
    get isEmpty() {
      return !values$.observed;
    },
  };
}

describe.each<[name: string, make: () => Source]>([
  ['Emitter', () => new Emitter<number>()],
  ['Subject', subject],
])('%s', (_, make) => {
  it('emits to all subscribers in order of arrival, also after the first has left', () => {
    const source = make();
    const log: string[] = [];
    const add = (name: string) => source.values$.subscribe({ next: (n) => log.push(`${name}${n}`), complete: () => log.push(`${name}|`) });
    const [a, , c] = [add('a'), add('b'), add('c')];
    source.emit(1);
    a.unsubscribe();
    add('d');
    source.emit(2);
    c.unsubscribe();
    source.complete();
    expect(log.join(' ')).toBe('a1 b1 c1 b2 c2 d2 b| d|');
  });

  it('emits a value neither to a subscriber that comes during it, nor to one that leaves', () => {
    const source = make();
    const log: string[] = [];
    source.values$.subscribe((n) => {
      log.push(`a${n}`);
      if (n !== 1) return;
      b.unsubscribe();
      source.values$.subscribe((m) => log.push(`c${m}`));
    });
    const b = source.values$.subscribe((n) => log.push(`b${n}`));
    source.emit(1);
    source.emit(2);
    expect(log.join(' ')).toBe('a1 a2 c2');
  });

  it('does not emit a value to a subscriber that replaces the last one during it', () => {
    const source = make();
    const log: string[] = [];
    const first = source.values$.subscribe(() => {});
    const second = source.values$.subscribe((n) => {
      log.push(`second${n}`);
      second.unsubscribe();
      source.values$.subscribe((m) => log.push(`third${m}`));
    });
    first.unsubscribe();
    source.emit(1);
    source.emit(2);
    expect(log.join(' ')).toBe('second1 third2');
  });

  it('emits a value that a subscriber emits during another one to all before the other one goes on', () => {
    const source = make();
    const log: string[] = [];
    source.values$.subscribe((n) => n === 1 && source.emit(2));
    source.values$.subscribe((n) => log.push(`b${n}`));
    source.emit(1);
    expect(log.join(' ')).toBe('b2 b1');
  });

  it('completes subscribers that come later, or during the completion', () => {
    const source = make();
    const log: string[] = [];
    const note = (name: string) => ({ complete: () => log.push(name) });
    source.values$.subscribe({ complete: () => source.values$.subscribe(note('inner')) });
    source.values$.subscribe(note('outer'));
    source.complete();
    source.values$.subscribe(note('late'));
    source.emit(1);
    expect(log).toStrictEqual(['inner', 'outer', 'late']);
  });

  it('knows whether it has a subscriber', () => {
    const source = make();
    const seen = [source.isEmpty];
    const all = [1, 2, 3].map(() => source.values$.subscribe());
    seen.push(source.isEmpty);
    for (const each of all.slice(0, 2)) each.unsubscribe();
    seen.push(source.isEmpty);
    all[2]?.unsubscribe();
    seen.push(source.isEmpty);
    source.values$.subscribe();
    source.complete();
    expect([...seen, source.isEmpty]).toStrictEqual([true, false, false, true, true]);
  });
});
