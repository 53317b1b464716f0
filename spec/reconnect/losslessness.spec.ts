import { readFileSync } from 'node:fs';
import {
  asyncScheduler,
  audit,
  auditTime,
  bufferCount,
  bufferTime,
  combineLatest,
  concat,
  concatMap,
  debounceTime,
  defer,
  delay,
  distinctUntilChanged,
  exhaustMap,
  filter,
  groupBy,
  interval,
  map,
  mergeMap,
  NEVER,
  observeOn,
  of,
  repeat,
  sample,
  sampleTime,
  scan,
  share,
  shareReplay,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  throttleTime,
  timer,
  toArray,
  withLatestFrom,
  zip,
  type Observable,
} from 'rxjs';
import { describe, expect, it, test } from 'vitest';
import { framed, type IOStream, lines, mapBytes, throttleBytes, type Flow, type Framed, type Plugin, type Up } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { inVirtualTime } from '../stream/tools.ts';

const CHUNK = 1000;
const HIGH_WATER_MARK = 8 * CHUNK;
const COUNTS = [64, 128] as const;
/** Milliseconds between the two halves of the peer's bytes. */
const GAP = 50;
/** The `concurrency` of readers that have one. */
const TWO = 2;

/** What is buffered in memory, by a line of the table, when the consumer is slower than the peer. */
type Memory = 'a chunk' | 'bounded' | 'all that comes' | '–';

/** One line of the table in `docs/guides/backpressure.md`. */
interface Line {
  readonly where: '`data$`' | '`messages$`' | 'the stream' | 'a plugin';
  readonly what: string;
  /** Starts with `yes` or `**no**`. */
  readonly every: string;
  /** Whether every byte before an error is emitted, too. */
  readonly beforeError: 'yes' | '**no**';
  readonly memory: Memory;
  /** The readers for which the line holds. */
  readonly reads: readonly Reader[];
}

/** Emitted values count by their bytes. `kept` returns what is buffered besides. */
type Out = { readonly length: number } | readonly Uint8Array[];
type Reader =
  | ((io: IOStream) => Observable<Out>)
  | { readonly plugin: Plugin }
  | { readonly out: (io: IOStream) => Observable<Out>; readonly kept: () => number };

/** Slow work of 10 ms. */
const work = <T>(value: T): Observable<T> => timer(10).pipe(map(() => value));
const inPlugin = (operator: (up$: Observable<Up>) => Observable<Up>): { plugin: Plugin } => ({
  plugin: (wire) => (dial) => (flow$) => flow$.pipe(wire(dial), operator),
});
const eachData =
  (late: (signal: Up) => Observable<Up>) =>
  (signal: Up): Observable<Up> =>
    signal.kind === 'data' ? late(signal) : of(signal);
const codec = lines({ maxLength: CHUNK, bytes: true });
/** With the newline that `lines` removes. */
const whole = (line: Uint8Array): Out => ({ length: line.length + 1 });
const messages = (io: IOStream): Framed<Uint8Array, Uint8Array | string> => framed(io, codec);

type Row = (what: string, every: string, beforeError: Line['beforeError'], memory: Memory, ...reads: readonly Reader[]) => Line;
const row =
  (where: Line['where']): Row =>
  (what, every, beforeError, memory, ...reads) => ({ where, what, every, beforeError, memory, reads });
const data = row('`data$`');
const message = row('`messages$`');
const own = row('the stream');
const plugin = row('a plugin');
/** A reader of `data$` by an operator, or several. */
const by =
  (operator: (bytes$: Observable<Buffer>) => Observable<Out>): Reader =>
  (io) =>
    operator(io.data$);
const lineBy =
  (operator: (lines$: Observable<Uint8Array>) => Observable<Uint8Array>): Reader =>
  (io) =>
    operator(messages(io).messages$).pipe(map(whole));

/** The table. */
const LINES: readonly Line[] = [
  data('`map`, `tap`, `scan`', 'yes', 'yes', 'a chunk', by(map((bytes) => bytes)), by(tap(() => {})), by(scan((_, bytes) => bytes))),
  data('`filter`', 'yes, but what it refuses', 'yes', 'a chunk', by(filter(({ length }) => length > 0))),
  data(
    '`take`, `takeUntil`',
    'yes: the rest stays for the next reader',
    'yes',
    'a chunk',
    (io) => concat(io.data$.pipe(take(3)), io.data$),
    (io) => concat(io.data$.pipe(takeUntil(timer(GAP / 2))), io.data$),
  ),
  data('`share`, `groupBy`', 'yes', 'yes', 'a chunk', by(share()), (io) =>
    io.data$.pipe(
      groupBy((bytes) => bytes[0]),
      mergeMap((group$) => group$),
    ),
  ),
  data(
    '`concatMap`, `mergeMap`, `switchMap`, `exhaustMap` to what answers at once',
    'yes',
    'yes',
    'a chunk',
    by(concatMap((bytes) => of(bytes))),
    by(mergeMap((bytes) => of(bytes))),
    by(switchMap((bytes) => of(bytes))),
    by(exhaustMap((bytes) => of(bytes))),
  ),
  data(
    '`concatMap`, `mergeMap` to what takes time, with a limit or without',
    'yes',
    '**no**',
    'all that comes',
    by(concatMap(work)),
    by(mergeMap(work)),
    by(mergeMap(work, 4)),
  ),
  data('`delay`', 'yes', '**no**', 'all that comes', by(delay(10))),
  data('`observeOn`', 'yes', 'yes', 'all that comes', by(observeOn(asyncScheduler))),
  data(
    '`bufferTime`, `bufferCount`, `toArray`',
    'yes',
    '**no**',
    'all that comes',
    by(bufferTime(10)),
    by(bufferCount(1000)),
    by(toArray()),
  ),
  data('`zip`', 'yes', '**no**', 'all that comes', (io) => zip(io.data$, interval(10)).pipe(map(([bytes]) => bytes))),
  data('`shareReplay`', 'yes', 'yes', 'all that comes', replaying()),
  data('`switchMap`, `exhaustMap` to what takes time', '**no**', '**no**', '–', by(switchMap(work)), by(exhaustMap(work))),
  data('`throttleTime`, `debounceTime`', '**no**', '**no**', '–', by(throttleTime(10)), by(debounceTime(10))),
  data(
    '`auditTime`, `audit`, `sampleTime`, `sample`',
    '**no**',
    '**no**',
    '–',
    by(auditTime(10)),
    by(audit(work)),
    by(sampleTime(10)),
    by(sample(interval(10))),
  ),
  data('`distinctUntilChanged`', '**no**', '**no**', '–', by(distinctUntilChanged((a, b) => a.equals(b)))),
  data(
    '`combineLatest`, `withLatestFrom` another that is late',
    '**no**',
    '**no**',
    '–',
    (io) => combineLatest([io.data$, timer(10)]).pipe(map(([bytes]) => bytes)),
    (io) =>
      io.data$.pipe(
        withLatestFrom(timer(10)),
        map(([bytes]) => bytes),
      ),
  ),
  message(
    '`map`, `filter`, `scan` … as on `data$`',
    'yes',
    'yes',
    'a chunk',
    lineBy(map((line) => line)),
    lineBy(filter(() => true)),
    lineBy(scan((_, line) => line)),
  ),
  message(
    '`concatMap`, `mergeMap` to what takes time … as on `data$`',
    'yes',
    '**no**',
    'all that comes',
    lineBy(concatMap(work)),
    lineBy(mergeMap(work, 4)),
  ),
  message('`take(1)`, `firstValueFrom(messages$)`: one after another', 'yes', 'yes', 'bounded', (io) => {
    const { messages$ } = messages(io);
    return defer(() => messages$.pipe(take(1), concatMap(work), map(whole))).pipe(repeat(COUNTS[1]));
  }),
  own(
    '`io.consume(work)`, also with `concurrency`',
    'yes',
    'yes',
    'bounded',
    (io) => io.consume(work),
    (io) => io.consume(work, { concurrency: TWO }),
  ),
  own(
    '`framed(…).consume(work)`, also with `concurrency`',
    'yes',
    'yes',
    'bounded',
    (io) => messages(io).consume((line) => work(whole(line))),
    (io) => messages(io).consume((line) => work(whole(line)), { concurrency: TWO }),
  ),
  own('`consume((chunk) => of(chunk).pipe(…))`, whatever takes time in there', 'yes', 'yes', 'bounded', (io) =>
    io.consume((chunk) => of(chunk).pipe(concatMap(work), delay(10), observeOn(asyncScheduler), bufferTime(10))),
  ),
  plugin(
    '`map`, `tap`, `mapBytes`',
    'yes',
    'yes',
    'bounded',
    inPlugin(map((signal) => signal)),
    inPlugin(tap(() => {})),
    inPlugin(mapBytes(() => (bytes) => bytes)),
  ),
  plugin('`throttleBytes`', 'yes', 'yes', 'bounded', { plugin: throttleBytes({ rate: 1e6 }) }),
  plugin(
    '`concatMap` to what takes time, `delay`',
    'yes',
    '**no**',
    'all that comes',
    inPlugin(concatMap(eachData(work))),
    inPlugin(delay(10)),
  ),
  plugin('`observeOn`', 'yes', 'yes', 'all that comes', inPlugin(observeOn(asyncScheduler))),
  plugin(
    '`throttleTime`, `switchMap` to what takes time … as on `data$`',
    '**no**',
    '**no**',
    '–',
    inPlugin(throttleTime(10)),
    inPlugin(switchMap(eachData(work))),
  ),
];

/** The values for the first subscriber of `shareReplay` are not late. It keeps the values that a second one gets at once. */
function replaying(): Reader {
  let replayed$: Observable<Out> = NEVER;
  const kept = (): number => {
    let sum = 0;
    replayed$.subscribe((out) => (sum += lengthOf(out))).unsubscribe();
    return sum;
  };
  return { out: (io) => (replayed$ = io.data$.pipe(shareReplay({ bufferSize: Infinity, refCount: true }))), kept };
}

function lengthOf(out: Out): number {
  return 'length' in out && !Array.isArray(out) ? out.length : (out as readonly Uint8Array[]).reduce((sum, { length }) => sum + length, 0);
}

interface Measured {
  readonly given: number;
  /** Emitted bytes. */
  readonly out: number;
  /** Maximum bytes that were read from the peer and not emitted yet, or kept. */
  readonly held: number;
}

/** The peer sends half of its bytes at once, and the rest later. All chunks differ, except two. */
function measure(read: Reader, count: number, ending: 'EOF' | 'error' = 'EOF'): Measured {
  let taken = 0;
  let out = 0;
  let held = 0;
  inVirtualTime(1_000_000, (v) => {
    const [near, far] = memoryPair();
    const probe: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        wire(dial),
        tap((signal) => {
          if (signal.kind === 'data') note((taken += signal.bytes.length));
        }),
      );
    const plugin = { ...('plugin' in read ? { plugin: read.plugin } : {}), probe };
    const io = v.stream({ wire: near, plugin, highWaterMark: HIGH_WATER_MARK, timeouts: { write: 0, close: 0 } });
    const out$ = typeof read === 'function' ? read(io) : 'out' in read ? read.out(io) : io.consume(work);
    const note = (_: number): void => {
      held = Math.max(held, taken - out, typeof read === 'object' && 'kept' in read ? read.kept() : 0);
    };
    const flow$ = new Subject<Flow>();
    flow$.pipe(far(testDial({ scheduler: v.scheduler }))).subscribe({ error: () => {} });
    // Timers of the operators are on the default scheduler, which is the virtual one here.
    out$.subscribe({ next: (value) => note((out += lengthOf(value))), error: () => {} });
    v.at(1, () => {
      for (let each = 0; each < count / 2; each += 1) flow$.next({ kind: 'data', bytes: chunkOf(Math.max(1, each)) });
    });
    v.at(1 + GAP, () => {
      for (let each = count / 2; each < count; each += 1) flow$.next({ kind: 'data', bytes: chunkOf(each) });
      if (ending === 'EOF') flow$.next({ kind: 'end' });
      else flow$.error(new Error('the peer resets'));
    });
  });
  return { given: count * CHUNK, out, held };
}

function chunkOf(at: number): Uint8Array {
  const bytes = Buffer.alloc(CHUNK, `${at} `);
  bytes[CHUNK - 1] = 10;
  return bytes;
}

/** Returns the words of the table. */
function memoryOf([few, many]: readonly [Measured, Measured]): Memory {
  if (few.out !== few.given || many.out !== many.given) return '–';
  if (many.held <= CHUNK) return 'a chunk';
  // The bytes being handled, read ahead, and in flight at the time of the pause.
  if (many.held <= (TWO + 1) * HIGH_WATER_MARK + 2 * CHUNK) return 'bounded';
  return many.held >= 1.5 * few.held ? 'all that comes' : ('something else' as Memory);
}

describe('the table of operators that keep every byte', () => {
  describe.each(['`data$`', '`messages$`', 'the stream', 'a plugin'] as const)('on %s', (where) => {
    it.each(LINES.filter((line) => line.where === where))(
      'keeps every byte through $what: $every; buffers in memory: $memory',
      ({ every, beforeError, memory, reads }) => {
        for (const read of reads) {
          const measured = [measure(read, COUNTS[0]), measure(read, COUNTS[1])] as const;
          const keeps = measured.every(({ given, out }) => given === out);
          const keepsBeforeError = COUNTS.map((count) => measure(read, count, 'error')).every(({ given, out }) => given === out);
          const context = `${reads.indexOf(read) + 1}: ${JSON.stringify(measured)}`;
          expect([keeps, keepsBeforeError, memoryOf(measured)], context).toStrictEqual([
            every.startsWith('yes'),
            beforeError === 'yes',
            memory,
          ]);
          expect(
            measured.every(({ out }) => out > 0),
            context,
          ).toBe(true);
        }
      },
    );
  });

  const guide = readFileSync(new URL('../../docs/guides/backpressure.md', import.meta.url), 'utf8');
  const [, section = ''] = /^#+ Which operators keep every byte\n([\s\S]*?)(?=^#)/m.exec(guide) ?? [];

  test('the guide has the same table', () => {
    const rows = [...section.matchAll(/^\| (.*) \| (.*) \| (.*) \| (.*) \| (.*) \|$/gm)].map((row) => row.slice(1));
    const [, ...lines] = rows;
    expect(lines).toStrictEqual(LINES.map(({ where, what, every, beforeError, memory }) => [where, what, every, beforeError, memory]));
  });
});
