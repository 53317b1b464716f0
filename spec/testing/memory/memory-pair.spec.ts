import { asapScheduler, asyncScheduler, concat, delay, map, NEVER, type Observable, of, queueScheduler, Subject, take, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import type { IOStreamError } from '../../../src/errors.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';
import { memoryPair, type MemoryPairOptions } from '../../../src/testing/memory/memory-pair.ts';
import { checkWire } from '../../../src/testing/rules/check-wire.ts';
import { wirePeer } from '../../../src/testing/rules/wire-peer.ts';
import type { WireUnderTest } from '../../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME, type Flow, type Up, type Wire } from '../../../src/wire/signal.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const data = (text: string): Flow => ({ kind: 'data', bytes: Buffer.from(text) });
const open = (h: Harness, wire: Wire, flow$: Observable<Flow>): ReturnType<typeof h.observed<Up>> =>
  h.observed(flow$.pipe(wire(testDial())));
const kinds = (signals: readonly Up[]): string[] => signals.map(({ kind }) => kind);
const bytesOf = (signals: readonly Up[]): Uint8Array[] => signals.flatMap((each) => (each.kind === 'data' ? [each.bytes] : []));

describe('memoryPair', () => {
  spec('carries bytes and ends in both directions, then completes both ends', async (h) => {
    const [a, b] = memoryPair();
    const left = open(h, a, concat(of(data('to b'), END), NEVER));
    const right = open(h, b, concat(of(data('to a'), END), NEVER));
    await Promise.all([left.ended, right.ended]);
    expect([left.state, right.state]).toStrictEqual(['complete', 'complete']);
    h.sameBytes(bytesOf(left.values), 'to a');
    h.sameBytes(bytesOf(right.values), 'to b');
    expect(kinds(right.values).slice(0, 3)).toStrictEqual(['connected', 'data', 'end']);
  });

  spec('keeps the order of bytes written before it is connected and from inside next', async (h) => {
    const [a, b] = memoryPair({ limit: 2 });
    const flow$ = new Subject<Flow>();
    const right = open(h, b, NEVER);
    let paused = false;
    flow$.pipe(a(testDial())).subscribe({
      next: ({ kind }) => {
        if (kind === 'connected') for (const each of ['AA', 'BB']) flow$.next(data(each));
        if (kind !== 'pause' || paused) return;
        paused = true;
        flow$.next(data('cc'));
      },
      error: () => {},
    });
    await h.until(() => bytesOf(right.values).length === 3);
    h.sameBytes(bytesOf(right.values), 'AABBcc');
  });

  spec('queues bytes for an end that is subscribed later', async (h) => {
    const [a, b] = memoryPair();
    const left = open(h, a, concat(of(data('early')), NEVER));
    await left.value(({ kind }) => kind === 'connected');
    const right = open(h, b, NEVER);
    await right.value(({ kind }) => kind === 'data');
    await left.value(({ kind }) => kind === 'sent');
    h.sameBytes(bytesOf(right.values), 'early');
  });

  spec('pauses the sender at the limit, and resumes it when half of the bytes have been read', async (h) => {
    const [a, b] = memoryPair({ limit: 4 });
    const flow$ = new Subject<Flow>();
    const right = open(h, b, flow$);
    flow$.next(PAUSE);
    const left = open(h, a, concat(of(data('ab'), data('cd')), NEVER));
    await left.value(({ kind }) => kind === 'pause');
    await right.value(({ kind }) => kind === 'connected');
    expect(bytesOf(right.values)).toStrictEqual([]);
    flow$.next(RESUME);
    await left.value(({ kind }) => kind === 'resume');
    h.sameBytes(bytesOf(right.values), 'abcd');
  });

  spec('emits no sent for an empty chunk', async (h) => {
    const [a, b] = memoryPair();
    const left = open(h, a, concat(of(data(''), END), NEVER));
    const right = open(h, b, of(data('x')));
    await Promise.all([left.ended, right.ended]);
    expect(kinds(left.values).includes('sent')).toBe(false);
  });

  spec('resets the other end when it is unsubscribed, after the bytes in flight', async (h) => {
    const [a, b] = memoryPair();
    const left = open(h, a, concat(of(data('last words')), NEVER));
    await left.value(({ kind }) => kind === 'connected');
    left.unsubscribe();
    const right = await open(h, b, NEVER).ended;
    h.sameBytes(bytesOf(right.values), 'last words');
    h.error(right.error, { code: 'ECONNRESET', phase: 'read' });
  });

  spec('carries a dialogue on each real scheduler of RxJS, set on the pair or on the streams', async (h) => {
    const turns = 300;
    for (const scheduler of [queueScheduler, asapScheduler, asyncScheduler]) {
      for (const options of [{}, { latency: 1 }, { bandwidth: 2 ** 20 }, { cut: 0.5 }]) {
        for (const place of ['pair', 'streams'] as const) {
          const [a, b] = memoryPair(place === 'pair' ? { ...options, scheduler } : options);
          const given = place === 'streams' ? { scheduler } : {};
          const [left, right] = [new IOStream({ wire: a, ...given }), new IOStream({ wire: b, ...given })];
          let read = 0;
          right.data$.subscribe((bytes) => right.write(bytes));
          const seen = h.observed(left.data$);
          left.data$.subscribe(({ length }) => {
            read += length;
            const count = options.latency ? 20 : turns;
            if (read < count) left.write('x'.repeat(length));
            else left.end();
          });
          // Also from inside an action of the scheduler.
          scheduler.schedule(() => left.write('x'));
          expect((await seen.ended).state).toBe('complete');
        }
      }
    }
  });

  spec('errors with EALREADY at a second subscription of an end', async (h) => {
    const [a] = memoryPair();
    open(h, a, NEVER);
    h.error((await open(h, a, NEVER).ended).error, { code: 'EALREADY', phase: 'connect' });
  });

  spec('carries bytes between ends whose schedulers have different times', async (h) => {
    const [a, b] = memoryPair();
    const still = new TestScheduler(() => {});
    const right = h.observed(NEVER.pipe(b(testDial({ scheduler: still }))));
    open(h, a, concat(of(data('now')), NEVER));
    await h.until(() => (still.flush(), right.values.some(({ kind }) => kind === 'data')), 'the data');
  });

  it('times latency and bandwidth on the scheduler', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toStrictEqual(expected));
    scheduler.run(({ expectObservable }) => {
      const [a, b] = memoryPair({ latency: 10, bandwidth: 1000 });
      const dial = testDial({ scheduler });
      const seen: [number, string][] = [];
      concat(of(END), NEVER)
        .pipe(b(dial))
        .subscribe(({ kind }) => void seen.push([scheduler.now(), kind]));
      of(data('x'.repeat(20)), END)
        .pipe(a(dial))
        .subscribe();
      const later$ = of(seen).pipe(delay(100, scheduler));
      // 20 bytes at 1,000 bytes per second, then a latency of 10 ms.
      expectObservable(later$).toBe('100ms (a|)', {
        a: [
          [0, 'connected'],
          [30, 'data'],
          [30, 'end'],
        ],
      });
    });
  });

  const chunksOf = async (h: Harness, options: MemoryPairOptions, ...texts: readonly string[]): Promise<string[]> => {
    const [a, b] = memoryPair(options);
    const right = open(h, b, NEVER);
    open(h, a, concat(of(...texts.map((text) => data(text)), END), NEVER));
    await right.value(({ kind }) => kind === 'end');
    return bytesOf(right.values).map((bytes) => Buffer.from(bytes).toString());
  };

  spec('cuts before each byte that `cut` selects', async (h) => {
    expect(await chunksOf(h, { cut: 1 }, 'abc', '', 'd')).toStrictEqual(['a', 'b', 'c', '', 'd']);
    expect(await chunksOf(h, { cut: (offset) => offset === 2 || offset === 5 }, 'abcd', 'ef')).toStrictEqual(['ab', 'cd', 'e', 'f']);
    expect(await chunksOf(h, { cut: 0 }, 'abcd')).toStrictEqual(['abcd']);
  });

  spec('cuts the same bytes in the same places with the same seed', async (h) => {
    const text = 'x'.repeat(500);
    const lengths = async (seed: number): Promise<number[]> => (await chunksOf(h, { cut: 0.1, seed }, text)).map((each) => each.length);
    const first = await lengths(7);
    expect(await lengths(7)).toStrictEqual(first);
    expect(await lengths(8)).not.toStrictEqual(first);
    expect(first.length > 20 && first.length < 100, `${first.length} chunks`).toBe(true);
  });

  it('keeps all rules of a wire with cuts', async () => {
    const make = (): WireUnderTest => {
      const [wire, other] = memoryPair({ cut: 0.01, seed: 3 });
      return { wire, dial: testDial(), peer: () => wirePeer(other, testDial()) };
    };
    (await checkWire(make, { singleUse: true, volume: 2 ** 21, timeout: 20_000 })).assert();
  });

  it('throws a TypeError for invalid numbers', () => {
    const wrong: [string, number][] = [
      ['latency', -1],
      ['bandwidth', NaN],
      ['bandwidth', 0],
      ['limit', -1],
      ['cut', 1.1],
    ];
    for (const [name, value] of wrong) {
      expect(() => memoryPair({ [name]: value })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(new RegExp(`expected \`${name}\` of memoryPair`)) }),
      );
    }
  });

  it('runs an hour of timeouts in no time', () => {
    const hour = 3_600_000;
    const before = performance.now();
    const seen: [number, string][] = [];
    const scheduler = new TestScheduler(() => undefined);
    scheduler.run(({ flush }) => {
      // The other end sends a byte every 10 minutes, then nothing.
      const [wire, other] = memoryPair({ latency: 100 });
      const timeouts = { idle: hour };
      const io = new IOStream({ wire, timeouts, scheduler, isFatal: () => false });
      const note = (what: string): void => void seen.push([scheduler.now(), what]);
      io.data$.subscribe((bytes) => note(new TextDecoder().decode(bytes)));
      io.errors$.subscribe(({ code }) => {
        note(code);
        if (code === 'ETOIDLE') io.close();
      });
      const ticks$ = timer(0, hour / 6).pipe(
        take(4),
        map((tick) => data(`${tick}`)),
      );
      // The other end never ends, and is reset after timeouts.close.
      concat(ticks$, NEVER)
        .pipe(other(testDial({ scheduler })))
        .subscribe({ error: (error: unknown) => note(`the other end: ${(error as IOStreamError).code}`) });
      flush();
    });
    const took = performance.now() - before;
    expect(seen).toStrictEqual([
      [100, '0'],
      [hour / 6 + 100, '1'],
      [hour / 3 + 100, '2'],
      [hour / 2 + 100, '3'],
      [hour * 1.5 + 100, 'ETOIDLE'],
      [hour * 1.5 + 3200, 'the other end: ECONNRESET'],
    ]);
    expect(took < 10_000, `took ${took} ms`).toBe(true);
  });

  /** Makes `many` echoes of a few bytes in virtual time; returns what each one received, and when. */
  const echoes = (many: number, options: (at: number) => MemoryPairOptions): string[] => {
    const received: string[] = [];
    const scheduler = new TestScheduler(() => undefined);
    scheduler.run(({ flush }) => {
      for (let at = 0; at < many; at += 1) {
        const [a, b] = memoryPair(options(at));
        const [near$, far$] = [new Subject<Flow>(), new Subject<Flow>()];
        const dial = testDial({ scheduler });
        far$.pipe(b(dial)).subscribe((signal) => {
          if (signal.kind === 'data') far$.next(signal);
          if (signal.kind === 'end') far$.complete();
        });
        const chunks: string[] = [];
        let text = '';
        near$.pipe(a(dial)).subscribe({
          next: (signal) => {
            if (signal.kind === 'connected') near$.next(data(`hello ${at}`));
            if (signal.kind !== 'data') return;
            const piece = Buffer.from(signal.bytes).toString();
            chunks.push(`${piece} at ${scheduler.now()}`);
            if ((text += piece) === `hello ${at}`) near$.complete();
          },
          complete: () => received.push(chunks.join(', ')),
        });
      }
      flush();
    });
    return received;
  };

  it('carries 10,000 connections in one test', () => {
    const received = echoes(10_000, () => ({ latency: 20 }));
    expect(new Set(received).size).toBe(10_000);
    expect(received.every((each) => /^hello \d+ at 40$/.test(each))).toBe(true);
  });

  it('repeats the same chunks at the same times', () => {
    const mixed = (at: number): MemoryPairOptions => ({ latency: 1 + (at % 50), bandwidth: 1000, cut: 0.2, seed: at });
    const first = echoes(300, mixed);
    expect(first.length).toBe(300);
    expect(first.some((each) => each.includes(','))).toBe(true);
    expect(echoes(300, mixed)).toStrictEqual(first);
  });
});
