import { connect as dial, type AddressInfo, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import {
  concat,
  defer,
  EMPTY,
  firstValueFrom,
  finalize,
  first,
  forkJoin,
  from,
  ignoreElements,
  map,
  merge,
  mergeMap,
  NEVER,
  Observable,
  of,
  race,
  share,
  startWith,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timeout,
  timer,
  toArray,
  VirtualTimeScheduler,
} from 'rxjs';
import { describe, expect } from 'vitest';
import {
  connect,
  converse,
  framed,
  handshake,
  IOStream,
  IOStreamError,
  lines,
  listen,
  relay,
  requests,
  startTls,
  type ClosedReport,
  type Plugin,
  type Server,
  type Up,
  type Wire,
} from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { closedReport, resetAtEnd, pattern, serve, turns } from './tools.ts';

const host = '127.0.0.1';

type Use = (io: IOStream) => Observable<unknown>;
type Operator = (source$: Observable<unknown>, stop$: Observable<'stop'>) => Observable<unknown>;

const fails = (stop$: Observable<unknown>): Observable<never> => stop$.pipe(mergeMap(() => throwError(() => new Error('beside'))));

/** Operators of RxJS that unsubscribe from `source$` when `stop$` emits. */
const OPERATORS: Record<string, Operator> = {
  takeUntil: (source$, stop$) => source$.pipe(takeUntil(stop$)),
  timeout: (source$, stop$) => {
    const scheduler = new VirtualTimeScheduler();
    const fire$ = stop$.pipe(
      tap(() => scheduler.flush()),
      ignoreElements(),
    );
    return merge(source$.pipe(ignoreElements(), timeout({ first: 1, scheduler })), fire$);
  },
  switchMap: (source$, stop$) =>
    stop$.pipe(
      map(() => EMPTY),
      startWith(source$),
      switchMap((each) => each),
    ),
  take: (source$, stop$) => merge(source$.pipe(ignoreElements()), stop$).pipe(take(1)),
  first: (source$, stop$) => merge(source$, stop$).pipe(first((each) => each === 'stop')),
  race: (source$, stop$) => race(source$.pipe(ignoreElements()), stop$),
  'an error beside it in merge': (source$, stop$) => merge(source$, fails(stop$)),
  'an error beside it in forkJoin': (source$, stop$) => forkJoin([source$, fails(stop$)]),
  'a throw below it': (source$, stop$) =>
    merge(source$, stop$).pipe(
      tap((each) => {
        if (each === 'stop') throw new Error('below');
      }),
    ),
  'the last subscriber of share': (source$, stop$) => source$.pipe(share(), takeUntil(stop$)),
};

const codec = lines({ maxLength: 100 });
const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString();

interface Reader {
  readonly read: (io: IOStream, h: Harness) => Observable<unknown>;
  /** The end that the peer receives. @default FIN */
  readonly peer?: 'ECONNRESET';
}

/** Readers and senders. The peer writes `one\n` and no reply. */
const READERS: Record<string, Reader> = {
  data$: { read: (io) => io.data$.pipe(toArray(), map(text)) },
  'data$ that emits as it comes': { read: (io) => io.data$.pipe(map((each) => each.toString())) },
  messages$: { read: (io) => framed(io, codec).messages$.pipe(toArray()) },
  'consume of messages': { read: (io) => framed(io, codec).consume((each) => of(each)) },
  'consume that waits for bytes': { read: (io) => io.consume((each) => of(String(each))).pipe(toArray()) },
  'consume with a chunk in progress': { read: (io) => io.consume(() => timer(20)) },
  'consume of messages with one in progress': { read: (io) => framed(io, codec).consume(() => timer(20)) },
  'from(io)': { read: (io) => from(io as unknown as Observable<Buffer>).pipe(toArray()) },
  'for await': {
    read: (io) =>
      defer(async () => {
        const chunks: Buffer[] = [];
        for await (const each of io) chunks.push(each);
        return text(chunks);
      }),
  },
  'send midway': { read: (io) => io.send(concat(of('part'), NEVER)).pipe(ignoreElements()), peer: 'ECONNRESET' },
  'send of nothing so far': { read: (io) => io.send(NEVER) },
  'send behind another': { read: (io) => merge(io.send(NEVER), io.send(['second'])) },
  'an echo': { read: (io) => io.send(io).pipe(ignoreElements()), peer: 'ECONNRESET' },
  request: { read: (io) => requests(framed(io, codec), { match: (line) => (line === 'one' ? undefined : line) }).request('two') },
  unmatched$: { read: (io) => requests(framed(io, codec), { match: () => undefined }).unmatched$ },
  converse: {
    read: (io) =>
      converse(io, function* (link) {
        link.send('hello');
        return yield* link.readUntil('never', 10_000);
      }),
  },
  relay: {
    read: (io, h) => {
      const [near, far] = memoryPair();
      const [other, end] = [new IOStream({ wire: near, cb: () => {} }), new IOStream({ wire: far, cb: () => {} })];
      h.defer(() => [other, end].forEach((each) => each.reset()));
      return relay(io, other).pipe(ignoreElements());
    },
    peer: 'ECONNRESET',
  },
};

/** Creates streams with a peer each, and uses them. */
type Place = (h: Harness, use: Use, peer: (socket: Socket) => void) => Promise<Observable<unknown>> | Observable<unknown>;

function dialServer(h: Harness, { address }: Server, peer: (socket: Socket) => void): void {
  const socket = dial({ host, port: (address as AddressInfo).port, allowHalfOpen: true });
  h.defer(() => socket.destroy());
  peer(socket);
}

const PLACES: Record<string, Place> = {
  connect: async (h, use, peer) => connect({ host, port: await serve(h, peer) }).pipe(switchMap(use)),
  'connect with a handler': async (h, use, peer) => connect({ host, port: await serve(h, peer) }, use),
  'listen and connections$': (h, use, peer) =>
    listen({ host, port: 0 }).pipe(
      tap((server) => dialServer(h, server, peer)),
      switchMap(({ connections$ }) => connections$.pipe(mergeMap(use))),
    ),
  'listen with a handler': (h, use, peer) =>
    listen({ host, port: 0 }, use).pipe(
      tap((server) => dialServer(h, server, peer)),
      switchMap(() => NEVER),
    ),
};

interface Seen {
  /** What the reader emitted after the unsubscription, and its end. */
  readonly late: readonly string[];
  /** The end that the peer received. */
  readonly peer: string;
  readonly by: ClosedReport['by'];
}

/** Unsubscribes with one operator while a reader is active. */
async function unsubscribing(h: Harness, place: Place, operator: Operator, { read }: Reader, stays: boolean): Promise<Seen> {
  const notes: string[] = [];
  let stream: IOStream | undefined;
  let socket: Socket | undefined;
  let ending = '';
  const noted = (io: IOStream): Observable<unknown> =>
    read(io, h).pipe(
      tap({
        next: (value) => void notes.push(`next ${String(value)}`),
        error: (error: unknown) => void notes.push(`error ${String(error)}`),
        complete: () => void notes.push('complete'),
      }),
    );
  const use: Use = (io) => {
    stream = io;
    if (!stays) return noted(io);
    h.defer(() => staying.unsubscribe());
    const staying = noted(io).subscribe({ error: () => {} });
    return NEVER;
  };
  const peer = (each: Socket): void => {
    socket = each;
    // Node may report EOF although a reset followed the last bytes: a zero-length write surfaces it.
    each.on('end', () => each.write('', (error) => (ending ||= error ? 'ECONNRESET' : 'FIN')));
    each.on('error', ({ code }: NodeJS.ErrnoException) => (ending ||= code ?? ''));
    each.resume().write('one\n');
  };
  const stop$ = new Subject<'stop'>();
  const subscription = operator(await place(h, use, peer), stop$).subscribe({ error: () => {} });
  h.defer(() => subscription.unsubscribe());
  await h.until(() => stream !== undefined && socket !== undefined && stream.inBytes > 0, 'a stream in use');
  await turns(3);
  const before = notes.length;
  stop$.next('stop');
  const report = firstValueFrom(stream!.closed$);
  socket!.write('late\n');
  await h.until(() => ending !== '', 'the peer sees the end');
  socket!.end();
  const { by } = await report;
  await setTimeout(25); // longer than the readers above handle a chunk
  return { late: notes.slice(before), peer: ending, by };
}

describe('unsubscribing from a pipeline', () => {
  const cells = Object.keys(PLACES).flatMap((place) =>
    Object.keys(READERS).flatMap((reader) =>
      [false, true].map((stays) => ({ place, reader, stays, where: stays ? 'outside of' : 'inside of' })),
    ),
  );

  spec.each(cells)(
    'emits nothing more from $reader, $where a pipeline of $place, with any operator',
    async (h, { place, reader, stays }) => {
      const entry = READERS[reader]!;
      const operators = Object.entries(OPERATORS);
      const seen = await Promise.all(operators.map(([, operator]) => unsubscribing(h, PLACES[place]!, operator, entry, stays)));
      const expected: Seen = { late: [], peer: entry.peer ?? 'FIN', by: 'us' };
      expect(Object.fromEntries(operators.map(([name], at) => [name, seen[at]]))).toStrictEqual(
        Object.fromEntries(operators.map(([name]) => [name, expected])),
      );
    },
  );

  describe('a stream after the unsubscription', () => {
    /** A connection in memory: its wire, and the peer's stream. */
    const wired = (h: Harness): { near: Wire; got: string[]; peer: IOStream } => {
      const [near, far] = memoryPair();
      const [peer] = resetAtEnd(h, new IOStream({ wire: far, cb: () => {} }));
      const got: string[] = [];
      peer.data$.subscribe({
        next: (each) => got.push(each.toString()),
        error: (error: unknown) => got.push((error as IOStreamError).code),
        complete: () => got.push('FIN'),
      });
      return { near, got, peer };
    };

    spec('accepts writes in the turn of the unsubscription, and sends them before FIN', async (h) => {
      const { near, got } = wired(h);
      const seen = h.observed(connect({ wire: near }).pipe(switchMap((io) => merge(of(io), NEVER).pipe(finalize(() => io.write('bye'))))));
      const io = await seen.value();
      seen.unsubscribe();
      expect(io.write('!')).toBe(true);
      await h.until(() => got.includes('FIN'));
      expect(got).toStrictEqual(['bye!', 'FIN']);
      expect(io.write('too late')).toBe(false);
    });

    spec('sends all bytes of an upload whose source had completed', async (h) => {
      const { near, got } = wired(h);
      await firstValueFrom(connect({ wire: near }).pipe(mergeMap((io) => merge(io.send(of('a', pattern(200_000))), of(io)))));
      await h.until(() => got.at(-1) === 'FIN', 'FIN');
      expect(got.join('').length).toBe(Buffer.concat([Buffer.from('a'), pattern(200_000)]).toString().length + 3);
    });

    spec('completes events$, errors$ and eof$ without a value, and reports that we closed it', async (h) => {
      const { near } = wired(h);
      const io = await firstValueFrom(connect({ wire: near }));
      const streams = [io.events$, io.errors$, io.eof$].map((each) => h.observed<unknown>(each));
      const report = await closedReport(io);
      expect([report.by, report.error]).toStrictEqual(['us', undefined]);
      expect(streams.map(({ state, values }) => [state, values])).toStrictEqual(streams.map(() => ['complete', []]));
    });

    spec('emits nothing to later readers, and rejects a later send or request with ECLOSED', async (h) => {
      const { near, peer } = wired(h);
      peer.write('unread');
      const io = await firstValueFrom(connect({ wire: near }));
      await turns();
      const silent = [io.data$, io.consume(() => of(1)), framed(io, codec).messages$, from(io as unknown as Observable<Buffer>)];
      for (const each of silent) {
        const seen = h.observed<unknown>(each);
        await turns(2);
        expect([seen.state, seen.values]).toStrictEqual(['open', []]);
      }
      for (const each of [io.send(['x']), requests(framed(io, codec)).request('x')])
        expect(((await h.observed<unknown>(each).ended).error as IOStreamError).code).toBe('ECLOSED');
    });

    spec.each(['in a handshake', 'while it connects'] as const)(
      'emits nothing and does not call its handler when unsubscribed %s',
      async (h, stage) => {
        const { wire, up } = manualWire();
        const plugin: Record<string, Plugin> =
          stage === 'in a handshake'
            ? {
                slow: handshake({
                  *talk(link) {
                    yield* link.read(1);
                  },
                }),
              }
            : {};
        let calls = 0;
        const handled = connect({ wire, plugin }, () => of((calls += 1)));
        const seen = h.observed(handled);
        await turns();
        seen.unsubscribe();
        up.next({ kind: 'connected', details: [] });
        up.next({ kind: 'data', bytes: Buffer.from('x') });
        await turns();
        expect([calls, seen.values]).toStrictEqual([0, []]);
      },
    );

    spec.each<[string, (up: Subject<Up>) => void]>([
      ['bytes', (up) => up.next({ kind: 'data', bytes: Buffer.from('late') })],
      ['EOF', (up) => up.next({ kind: 'end' })],
      ['an error', (up) => up.error(new IOStreamError('ECONNRESET', { phase: 'read' }))],
      ['the end of the wire', (up) => up.complete()],
    ])('emits nothing more when %s arrives in the turn of the unsubscription', async (h, _, happen) => {
      const { wire, up } = manualWire();
      const seen = h.observed(connect({ wire }));
      up.next({ kind: 'connected', details: [] });
      const io = await seen.value();
      const readers = [io.data$, framed(io, codec).messages$, io.send(NEVER)].map((each) => h.observed<unknown>(each));
      await turns();
      seen.unsubscribe();
      happen(up);
      await turns();
      expect(readers.map(({ state, values }) => [state, values.length])).toStrictEqual(readers.map(() => ['open', 0]));
    });

    spec('emits nothing more to the readers of a stream of startTls', async (h) => {
      const { near, peer } = wired(h);
      const [io] = resetAtEnd(h, new IOStream({ wire: near }));
      await h.until(() => io.state === 'open' && peer.state === 'open');
      const seen = h.observed(startTls(io, { servername: 'localhost' }).pipe(mergeMap((secure) => secure.data$)));
      await turns();
      seen.unsubscribe();
      await turns();
      expect(seen.values).toStrictEqual([]);
    });
  });
});

/** A wire whose signals the spec emits. */
function manualWire(): { wire: Wire; up: Subject<Up> } {
  const up = new Subject<Up>();
  return {
    up,
    wire: () => (flow$) =>
      new Observable((out) => up.subscribe(out).add(flow$.subscribe({ error: () => {}, complete: () => out.complete() }))),
  };
}
