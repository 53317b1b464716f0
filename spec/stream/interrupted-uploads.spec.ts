import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import {
  catchError,
  concat,
  EMPTY,
  ignoreElements,
  merge,
  mergeMap,
  NEVER,
  of,
  Subject,
  switchMap,
  take,
  takeUntil,
  throwError,
  type Observable,
} from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, IOStream, open, relay } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { resetAtEnd, pattern, serve, turns } from './tools.ts';

type Source = Parameters<IOStream['send']>[0];

const broken = new Error('the source failed');

/** Sources that emit `part` and then fail. */
const FAILING: Record<string, () => Source> = {
  'a generator that throws': function* () {
    yield 'part';
    throw broken;
  },
  'an iterator whose next throws': () => {
    let calls = 0;
    const next = (): IteratorResult<string> => {
      calls += 1;
      if (calls > 1) throw broken;
      return { done: false, value: 'part' };
    };
    return { [Symbol.iterator]: () => ({ next }) };
  },
  'an async generator that throws': async function* () {
    yield 'part';
    await turns(1);
    throw broken;
  },
  'a Readable that is destroyed with an error': () => {
    const readable = new Readable({ read: () => {} });
    readable.push('part');
    setTimeout(() => readable.destroy(broken), 5);
    return readable;
  },
  'a Readable that is destroyed without an error': () => {
    const readable = new Readable({ read: () => {} });
    readable.push('part');
    setTimeout(() => readable.destroy(), 5);
    return readable;
  },
  'a Web stream that errors': () =>
    new ReadableStream<string>({
      start: (controller) => {
        controller.enqueue('part');
        setTimeout(() => controller.error(broken), 5);
      },
    }) as Source,
  'an Observable that errors': () =>
    concat(
      of('part'),
      throwError(() => broken),
    ),
  'an array with a chunk that cannot be sent': () => ['part', 7] as never,
};

/** Sources that emit `part` and never end. */
const ENDLESS: Record<string, () => Source> = {
  'an async generator that waits': async function* () {
    yield 'part';
    await new Promise(() => {});
  },
  'a Readable that waits': () => {
    const readable = new Readable({ read: () => {} });
    readable.push('part');
    return readable;
  },
  'a Web stream that waits': () => new ReadableStream<string>({ start: (controller) => controller.enqueue('part') }) as Source,
  'an Observable that waits': () => concat(of('part'), NEVER),
  'a generator without an end': function* () {
    yield 'part';
    for (;;) yield pattern(65_536);
  },
};

/** Listens on loopback. Records the received bytes, and whether they ended with FIN or ECONNRESET. */
async function peer(h: Harness): Promise<{ host: string; port: number; seen: { text: string; end: string } }> {
  const seen = { text: '', end: '' };
  const port = await serve(h, (socket) => {
    socket.on('data', (bytes: Buffer) => (seen.text += bytes.toString('latin1')));
    socket.write('hello');
    // Node may report EOF although a RST followed the last bytes. A zero-length write surfaces the pending ECONNRESET.
    socket.on('end', () => {
      socket.write('', (error) => {
        seen.end ||= error ? 'ECONNRESET' : 'FIN';
        socket.end();
      });
    });
    socket.on('error', () => (seen.end ||= 'ECONNRESET'));
  });
  return { host: '127.0.0.1', port, seen };
}

/** Subscribes to `use` until the peer has received `part`, then stops it. Returns how the connection ended. */
async function endOf(
  h: Harness,
  use: (options: { host: string; port: number }, stop$: Observable<unknown>) => Observable<unknown>,
): Promise<string> {
  const { seen, ...to } = await peer(h);
  const stop$ = new Subject<void>();
  const run = h.observed(
    use(to, stop$).pipe(
      ignoreElements(),
      catchError(() => EMPTY),
    ),
  );
  await h.until(() => seen.text.startsWith('part') || seen.end !== '', 'a part');
  await new Promise((resolve) => setTimeout(resolve, 15));
  stop$.next();
  run.unsubscribe();
  await h.until(() => seen.end !== '', 'the end');
  return seen.end;
}

/** Starts the upload after the peer’s greeting: the system may lose a reset that arrives before the peer has accepted. */
const afterGreeting = (io: IOStream, upload: () => Observable<unknown>): Observable<unknown> => io.data$.pipe(take(1), switchMap(upload));

const swallow = (source$: Observable<unknown>): Observable<unknown> => source$.pipe(catchError(() => NEVER));

describe('an interrupted upload', () => {
  const failing = Object.entries(FAILING).map(([name, make]) => ({ name, make }));
  const all = Object.entries({ ...FAILING, ...ENDLESS }).map(([name, make]) => ({ name, make }));

  spec.each(failing)('from $name resets the connection that its error unsubscribes', async (h, { make }) => {
    expect(await endOf(h, (to) => connect(to).pipe(switchMap((io) => afterGreeting(io, () => io.send(make())))))).toBe('ECONNRESET');
  });

  spec.each(failing)('from $name resets the connection of a handler', async (h, { make }) => {
    expect(await endOf(h, (to) => connect(to, (io) => afterGreeting(io, () => io.send(make()))))).toBe('ECONNRESET');
  });

  spec.each(all)('from $name resets a connection that is unsubscribed together with the send', async (h, { make }) => {
    expect(await endOf(h, (to) => connect(to).pipe(switchMap((io) => afterGreeting(io, () => swallow(io.send(make()))))))).toBe(
      'ECONNRESET',
    );
  });

  spec.each(all)('from $name resets a connection that is unsubscribed after the send', async (h, { make }) => {
    const use = (io: IOStream, stop$: Observable<unknown>): Observable<unknown> =>
      merge(swallow(io.send(make()).pipe(takeUntil(stop$))), NEVER);
    expect(await endOf(h, (to, stop$) => connect(to).pipe(switchMap((io) => afterGreeting(io, () => use(io, stop$)))))).toBe('ECONNRESET');
  });

  spec.each(all.flatMap(({ name, make }) => (['end', 'close'] as const).map((how) => ({ name, make, how }))))(
    'from $name ends with a FIN when $how() was called',
    async (h, { make, how }) => {
      const use = (io: IOStream, stop$: Observable<unknown>): Observable<unknown> =>
        merge(
          swallow(io.send(make())).pipe(takeUntil(stop$)),
          stop$.pipe(
            mergeMap(() => {
              io[how]();
              return NEVER;
            }),
          ),
        );
      expect(await endOf(h, (to, stop$) => connect(to).pipe(switchMap((io) => afterGreeting(io, () => use(io, stop$)))))).toBe('FIN');
    },
  );

  spec.each(failing)('from $name ends with a FIN when a handler catches the error and completes', async (h, { make }) => {
    expect(await endOf(h, (to) => connect(to, (io) => afterGreeting(io, () => io.send(make()).pipe(catchError(() => EMPTY)))))).toBe('FIN');
  });

  spec.each(failing)('from $name does not close a stream of `open`', async (h, { make }) => {
    const { seen, ...to } = await peer(h);
    const io = await open(to);
    h.observed(swallow(io.send(make())));
    await new Promise((resolve) => setTimeout(resolve, 15));
    expect(io.state).toBe('open');
    io.close();
    await h.until(() => seen.end !== '', 'the end');
    expect(seen.end).toBe('FIN');
  });

  spec('resets the connection when it fails before its first byte: no data must not look complete', async (h) => {
    const none = throwError(() => broken);
    expect(await endOf(h, (to) => connect(to).pipe(switchMap((io) => afterGreeting(io, () => io.send(none)))))).toBe('ECONNRESET');
  });

  spec('ends with a FIN when the send was unsubscribed before its first byte', async (h) => {
    const use = (io: IOStream): Observable<unknown> => merge(io.send(NEVER), of(io.write('part')));
    expect(await endOf(h, (to) => connect(to).pipe(switchMap((io) => afterGreeting(io, () => use(io)))))).toBe('FIN');
  });

  spec('resets both streams of a relay', async (h) => {
    const [near, far] = memoryPair();
    const [inner, client] = resetAtEnd(h, new IOStream({ wire: near, cb: () => {} }), new IOStream({ wire: far, cb: () => {} }));
    client.write('part');
    expect(await endOf(h, (to) => connect(to).pipe(switchMap((io) => relay(io, inner))))).toBe('ECONNRESET');
    await h.until(() => client.state === 'closed');
  });
});
