import type { Socket } from 'node:net';
import {
  concatMap,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  NEVER,
  of,
  take,
  tap,
  throwError,
  timer,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import { connect, type IOStream, type IOStreamError } from 'rxjs-io-stream';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { serve, turns } from './tools.ts';

const host = '127.0.0.1';
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** A peer on loopback that records how each connection ends. */
async function recordEnds(h: Harness, each: (socket: Socket) => void = () => {}): Promise<{ port: number; ends: string[] }> {
  const ends: string[] = [];
  const port = await serve(h, (socket) => {
    let hasEnded = false;
    const end = (how: string): void => {
      if (!hasEnded) ends.push(how);
      hasEnded = true;
    };
    socket.write('hello');
    socket.resume();
    // Node may report EOF although a reset followed the last bytes: a zero-length write surfaces it.
    socket.on('end', () => socket.write('', (error) => (end(error ? 'RST' : 'FIN'), socket.end()))).on('error', () => end('RST'));
    each(socket);
  });
  return { port, ends };
}

const greeted = (io: IOStream): Observable<Buffer> => io.data$.pipe(take(1));

describe('connect with a handler', () => {
  const INPUTS: Record<string, () => ObservableInput<number>> = {
    'an Observable': () => of(1, 2),
    'an array': () => [1, 2],
    'a Promise of both': () => Promise.resolve([1, 2]).then((both) => both as never),
    'an async generator': async function* () {
      yield 1;
      await turns(1);
      yield 2;
    },
    'a generator': function* () {
      yield 1;
      yield 2;
    },
  };

  spec.each(Object.entries(INPUTS))('emits the values of %s, closes with FIN, then completes', async (h, _, handler) => {
    const { port, ends } = await recordEnds(h);
    const seen = await h.observed(connect({ host, port }, handler)).ended;
    expect([seen.state, seen.values.flat()]).toStrictEqual(['complete', [1, 2]]);
    expect(ends).toStrictEqual(['FIN']);
  });

  spec('closes the stream before it completes', async (h) => {
    const { port } = await recordEnds(h);
    let io: IOStream | undefined;
    let state: string | undefined;
    const run = connect({ host, port }, (stream) => ((io = stream), of(1))).pipe(finalize(() => (state = io?.state)));
    await h.observed(run).ended;
    expect(state).toBe('closed');
  });

  const WRONG: Record<string, (io: IOStream) => ObservableInput<unknown>> = {
    'an Observable that errors': (io) => greeted(io).pipe(concatMap(() => throwError(() => new Error('mine')))),
    'a rejected Promise': async (io) => {
      for await (const bytes of io) throw new Error(text(bytes) && 'mine');
    },
  };

  spec.each(Object.entries(WRONG))('resets the connection, then errors with the error of %s', async (h, _, handler) => {
    const { port, ends } = await recordEnds(h);
    const seen = await h.observed(connect({ host, port }, handler)).ended;
    expect((seen.error as Error).message).toBe('mine');
    await h.until(() => ends.length > 0, 'the end');
    expect(ends).toStrictEqual(['RST']);
  });

  spec.each<[string, () => never]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['returns no ObservableInput', () => 7 as never],
    ['returns nothing', () => undefined as never],
  ])('closes the connection and errors when the handler %s', async (h, _, handler) => {
    const { port, ends } = await recordEnds(h);
    const seen = await h.observed(connect({ host, port }, handler)).ended;
    expect(seen.state).toBe('error');
    await h.until(() => ends.length > 0, 'the end');
  });

  spec('unsubscribes the handler before the stream closes', async (h) => {
    const { port, ends } = await recordEnds(h);
    const log: unknown[] = [];
    const seen = h.observed(
      connect({ host, port }, (io) => {
        h.defer(() => io.reset());
        io.closed$.subscribe(() => log.push('closed'));
        return merge(of('ready'), NEVER).pipe(finalize(() => log.push(`handler, stream is ${io.state}`)));
      }),
    );
    await seen.value();
    seen.unsubscribe();
    await h.until(() => log.length === 2, 'closed');
    expect(log).toStrictEqual(['handler, stream is open', 'closed']);
    expect(ends).toStrictEqual(['FIN']);
  });

  spec.each<[string, (io: IOStream) => Observable<unknown>]>([
    ['reads to the end', (io) => io.data$],
    ['does not read', () => NEVER],
    ['has read all and continues', (io) => merge(io.data$.pipe(ignoreElements()), timer(20))],
  ])('completes when the peer ends and the handler %s', async (h, _, handler) => {
    const { port } = await recordEnds(h, (socket) => socket.end());
    expect((await h.observed(connect({ host, port }, handler)).ended).state).toBe('complete');
  });

  spec('errors without a call of the handler when the dial fails', async (h) => {
    let calls = 0;
    const seen = await h.observed(connect({ host, port: await deadPort() }, () => ((calls += 1), EMPTY))).ended;
    expect([calls, (seen.error as IOStreamError).code]).toStrictEqual([0, 'ECONNREFUSED']);
  });

  spec.each(['close', 'reset'] as const)('completes when the handler itself calls %s()', async (h, how) => {
    const { port } = await recordEnds(h);
    const seen = h.observed(
      connect({ host, port }, (io) =>
        greeted(io).pipe(
          tap(() => io[how]()),
          concatMap(() => NEVER),
        ),
      ),
    );
    expect((await seen.ended).state).toBe('complete');
  });

  spec('dials at each subscription', async (h) => {
    const { port, ends } = await recordEnds(h);
    const run = connect(
      () => ({ host, port }),
      () => of(1),
    );
    await Promise.all([h.observed(run).ended, h.observed(run).ended]);
    expect(ends.length).toBe(2);
  });

  it('throws a TypeError at the call for a handler that is no function', () => {
    for (const handler of [7, {}, 'x', null]) expect(() => connect({ host, port: 1 }, handler as never)).toThrow(TypeError);
  });
});
