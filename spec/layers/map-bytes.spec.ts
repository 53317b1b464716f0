import { EMPTY, NEVER, Observable, of, Subject, take, tap, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { mapBytes } from '../../src/layers/map-bytes.ts';
import { END, PAUSE, RESUME, type Plugin, type Up, type Wire } from '../../src/wire/signal.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { data, inWords, sent } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

const WHY = new Error('why');

const upper = (bytes: Uint8Array): Uint8Array => Buffer.from(Buffer.from(bytes).toString().toUpperCase());

function run(source: Observable<Up>, make = () => upper): unknown[] {
  const log: unknown[] = [];
  source.pipe(mapBytes(make)).subscribe({
    next: (signal) => log.push(...inWords([signal])),
    error: (error: unknown) => log.push(error),
    complete: () => log.push('complete'),
  });
  return log;
}

describe('mapBytes', () => {
  it('maps never, empty, one, many, an error', () => {
    expect(run(NEVER)).toEqual([]);
    expect(run(EMPTY)).toEqual(['complete']);
    expect(run(of(data('a')))).toEqual(['data A', 'complete']);
    expect(run(of<Up[]>(data('a'), data('b'), END))).toEqual(['data A', 'data B', 'end', 'complete']);
    expect(run(throwError(() => WHY))).toEqual([WHY]);
  });

  it('leaves all other signals as they are', () => {
    const others: Up[] = [{ kind: 'connected', details: [] }, sent(1), PAUSE, RESUME, END];
    const seen: Up[] = [];
    of(...others)
      .pipe(mapBytes(() => upper))
      .subscribe((signal) => seen.push(signal));
    others.forEach((signal, index) => expect(seen[index]).toBe(signal));
  });

  it('does not change the signal it is given', () => {
    const given = Object.freeze(data('a'));
    expect(run(of(given))).toEqual(['data A', 'complete']);
    expect(inWords([given])).toEqual(['data a']);
  });

  it('errors with what the function throws, and leaves its source', () => {
    const source = new Subject<Up>();
    const boom = (): never => {
      throw new Error('boom');
    };
    const log: unknown[] = [];
    source.pipe(mapBytes(() => boom)).subscribe({ error: (error: unknown) => log.push(error) });
    source.next(data('a'));
    source.next(data('b'));
    expect([log, source.observed]).toEqual([[new Error('boom')], false]);
    expect(run(EMPTY, boom)).toEqual([new Error('boom')]);
  });

  it('creates its function at each subscription, and not before', () => {
    let made = 0;
    const shift = mapBytes<Up>(() => {
      let key = (made += 1);
      return (bytes) => bytes.map((byte) => byte + key++);
    });
    const source = of(data('a'), data('a')).pipe(shift);
    expect(made).toBe(0);
    const texts = [0, 1].map(() => {
      const seen: Up[] = [];
      source.subscribe((signal) => seen.push(signal));
      return inWords(seen);
    });
    expect([made, texts]).toEqual([
      2,
      [
        ['data b', 'data c'],
        ['data c', 'data d'],
      ],
    ]);
  });

  it('stops a synchronous source when the subscriber leaves', () => {
    let produced = 0;
    const endless$ = new Observable<Up>((out) => {
      while (!out.closed && produced < 1000) {
        produced += 1;
        out.next(data('x'));
      }
    });
    endless$
      .pipe(
        mapBytes(() => upper),
        take(3),
      )
      .subscribe();
    expect(produced).toBe(3);
  });

  it('makes a cipher of two of them, in marbles', () => {
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x20);
    const cipher: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        mapBytes(() => flip),
        wire(dial),
        mapBytes(() => flip),
      );
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    scheduler.run(({ hot, expectObservable, expectSubscriptions }) => {
      const below: string[] = [];
      const echo: Wire = () => (flow$) => flow$.pipe(tap((signal) => below.push(...inWords([signal]))));
      const flow$ = hot('-a-b-e-|', { a: data('abc'), b: data('d'), e: END });
      expectObservable(flow$.pipe(cipher(echo)(testDial()))).toBe('-a-b-e-|', { a: data('abc'), b: data('d'), e: END });
      expectSubscriptions(flow$.subscriptions).toBe('^------!');
      scheduler.schedule(() => expect(below).toEqual(['data ABC', 'data D', 'end']), 7);
    });
  });

  it('keeps the number of bytes that are sent', () => {
    const plugin: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        mapBytes(() => upper),
        wire(dial),
        mapBytes(() => upper),
      );
    const driver = new PluginDriver(plugin);
    driver.app.next(data('abc'));
    driver.wire.emit(sent(3), data('d'));
    expect([inWords(driver.wire.down), inWords(driver.up)]).toEqual([['data ABC'], ['sent 3', 'data D']]);
  });
});
