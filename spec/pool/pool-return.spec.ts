import {
  catchError,
  concat,
  EMPTY,
  firstValueFrom,
  ignoreElements,
  map,
  merge,
  NEVER,
  of,
  range,
  Subject,
  switchMap,
  take,
  tap,
  throwError,
  timer,
  type ObservableInput,
} from 'rxjs';
import { converse, framed, IOStream, lines, requests } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { pool } from '../../src/pool/pool.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { inVirtualTime, type VirtualTime } from '../stream/tools.ts';
import { answer, ask, noteAll, pooled, type PeersOptions } from './pool-tools.ts';

const codec = lines({ maxLength: 100 });

/** Runs a handler, then another use. Notes how the first connection ended, and which connection the second use gets. */
function afterUse(
  handler: (io: IOStream, v: VirtualTime) => ObservableInput<unknown>,
  peersOptions: PeersOptions = {},
  stopAt?: number,
  atTen?: (peer: IOStream) => void,
): string[] {
  return inVirtualTime(10_000, (v) => {
    const { db, peers } = pooled(v, {}, peersOptions);
    v.at(10, () => atTen?.(peers[1]!));
    const first = noteAll(
      v,
      'a',
      db.use((io) => handler(io, v)),
    );
    if (stopAt !== undefined) v.at(stopAt, () => first.unsubscribe());
    v.at(100, () => noteAll(v, 'b', db.use(ask('b'))));
  }).filter((line) => !/^100\d\d /.test(line) && !line.includes('b complete'));
}

/** A peer that answers a line with lines. */
const lineServer =
  (reply: (line: string) => string) =>
  (peer: IOStream): void => {
    const { messages$ } = framed(peer, codec);
    messages$.subscribe({ next: (line) => peer.write(reply(line)), error: () => {} });
  };
/** A peer that answers on the second connection only. */
const onlySecond = (peer: IOStream, dial: number): void => {
  if (dial === 2) answer(peer, dial);
};
const twice = lineServer((line) => `${line}\n${line}\n`);
const once = lineServer((line) => `1:${line}\n`);

describe('a connection of a pool', () => {
  it('returns when the handler has completed, and nothing is unread or unsent', () => {
    expect(afterUse(ask('a'))).toStrictEqual(['0 a 1:a', '0 a complete', '100 b 1:b']);
    expect(afterUse(() => EMPTY)).toStrictEqual(['0 a complete', '100 b 1:b']);
  });

  it('is reset when the handler errors or throws, and the use gets the error', () => {
    const error = Object.assign(new Error('no'), { code: 'ENO' });
    expect(afterUse(() => throwError(() => error))).toStrictEqual(['0 a error ENO', '0 peer 1 closed by error ECONNRESET', '100 b 2:b']);
    expect(
      afterUse(() => {
        throw error;
      }),
    ).toContain('0 a error ENO');
  });

  it('is closed when the use is unsubscribed before the handler completes', () => {
    const log = afterUse((_io, v) => NEVER.pipe(tap({ unsubscribe: () => v.note('handler unsubscribed') })), {}, 50);
    expect(log).toStrictEqual(['50 handler unsubscribed', '50 peer 1 closed by peer', '100 b 2:b']);
  });

  it('is reset when the use is unsubscribed in the middle of a `send`', () => {
    const source$ = new Subject<string>();
    const log = afterUse((io, v) => (v.at(10, () => source$.next('half')), io.send(source$)), { serve: onlySecond }, 50);
    expect(log).toContain('50 peer 1 closed by error ECONNRESET');
    expect(log).toContain('100 b 2:b');
  });

  it('is reset when the handler has caught the error of a `send` that was cut midway, and all bytes before it are sent', () => {
    const source$ = new Subject<string>();
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, {}, { serve: onlySecond });
      const send = (io: IOStream): ObservableInput<never> =>
        io.send(source$).pipe(
          ignoreElements(),
          catchError(() => EMPTY),
        );
      noteAll(v, 'a', db.use(send));
      v.at(10, () => source$.next('half'));
      v.at(20, () => source$.error(new Error('no')));
      v.at(100, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log).toStrictEqual(['20 a complete', '20 peer 1 closed by error ECONNRESET', '100 b 2:b', '100 b complete']);
  });

  it('is closed when bytes are unread in the stream', () => {
    const log = afterUse((io) =>
      converse(io, function* (link) {
        link.send('more');
        return Buffer.from(yield* link.read(3)).toString();
      }),
    );
    expect(log).toStrictEqual(['0 a 1:m', '0 a complete', '0 peer 1 closed by peer', '100 b 2:b']);
  });

  it('is closed when messages are unread in a `framed` of the handler', () => {
    const first = (io: IOStream): ObservableInput<string> => {
      const { messages$, write } = framed(io, codec);
      write('a');
      return messages$.pipe(take(1));
    };
    expect(afterUse(first, { serve: twice })).toContain('0 peer 1 closed by peer');
    expect(afterUse(first, { serve: once })).toStrictEqual(['0 a 1:a', '0 a complete']);
  });

  it('is closed when a part of a message is unread in a `framed` of the handler', () => {
    const log = afterUse(
      (io) => {
        const { messages$, write } = framed(io, codec);
        write('a');
        return messages$.pipe(take(1));
      },
      { serve: lineServer((line) => `${line}\nhal`) },
    );
    expect(log.some((line) => line.startsWith('0 peer 1 closed'))).toBe(true);
  });

  it('is closed when a reply is due to `requests` of the handler', () => {
    const log = afterUse(
      (io) => {
        const { request } = requests(framed(io, codec));
        return merge(request('a'), request('b')).pipe(take(1));
      },
      {
        serve: (peer) => framed(peer, codec).messages$.subscribe({ next: (line) => line === 'a' && peer.write('1:a\n'), error: () => {} }),
      },
    );
    expect(log.some((line) => line.startsWith('0 peer 1 closed'))).toBe(true);
  });

  it('returns after `requests` of the handler have their replies, and frees them', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db, dials } = pooled(v, {}, { serve: once });
      const request =
        (text: string): ((io: IOStream) => ObservableInput<string>) =>
        (io) =>
          requests(framed(io, codec)).request(text);
      noteAll(v, 'a', concat(db.use(request('a')), db.use(request('b')), db.use(request('c'))));
      v.at(10, () => v.note(`dials ${dials()}`));
    });
    expect(log.slice(0, 5)).toStrictEqual(['0 a 1:a', '0 a 1:b', '0 a 1:c', '0 a complete', '10 dials 1']);
  });

  it('is closed when the handler leaves a subscriber of `data$` behind', () => {
    expect(afterUse((io) => (io.data$.subscribe({ error: () => {} }), ask('a')(io)))).toContain('100 b 2:b');
  });

  it('is closed when the handler leaves it paused', () => {
    expect(afterUse((io) => (io.pause(), EMPTY))).toContain('100 b 2:b');
  });

  it('is closed when bytes are unsent at the end of the tick', () => {
    const log = afterUse((io) => (io.write('a'.repeat(200_000)), EMPTY), { latency: 10, serve: onlySecond });
    expect(log).toContain('120 b 2:b');
  });

  it('is closed when the handler has ended our direction, or closed the stream', () => {
    expect(afterUse((io) => (io.end(), EMPTY))).toContain('100 b 2:b');
    expect(afterUse((io) => (io.close(), NEVER))).toStrictEqual(['0 a complete', '0 peer 1 closed by peer', '100 b 2:b']);
    expect(afterUse((io) => (io.reset(), NEVER))).toContain('0 a complete');
  });

  it('is closed when the peer has ended', () => {
    const log = afterUse((io) => io.data$.pipe(map((bytes) => bytes.toString())), {
      serve: (peer, dial) => (dial === 1 ? peer.end('bye') : answer(peer, dial)),
    });
    expect(log).toContain('0 a bye');
    expect(log).toContain('0 a complete');
    expect(log).toContain('100 b 2:b');
  });

  it('errors a use with ECLOSED when the peer ends while the handler neither reads nor sends', () => {
    const log = afterUse(() => timer(50), { serve: (peer, dial) => (dial === 1 ? peer.end() : answer(peer, dial)) });
    expect(log).toContain('0 a error ECLOSED');
    expect(log).toContain('100 b 2:b');
  });

  it('errors a use with the error of the stream while the handler neither reads nor sends', () => {
    const log = afterUse(
      (_io, v) => (v.note('start'), NEVER),
      { serve: (peer, dial) => answer(peer, dial) },
      undefined,
      (peer) => peer.reset(),
    );
    expect(log).toContain('10 a error ECONNRESET');
    expect(log).toContain('100 b 2:b');
  });

  it('is closed when bytes or a FIN arrive while it is idle', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db, peers } = pooled(v);
      noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => peers[1]?.write('?'));
      v.at(20, () => noteAll(v, 'b', db.use(ask('b'))));
      v.at(30, () => peers[2]?.end());
      v.at(40, () => noteAll(v, 'c', db.use(ask('c'))));
      v.at(50, () => peers[3]?.reset());
      v.at(60, () => noteAll(v, 'd', db.use(ask('d'))));
    });
    expect(log.filter((line) => !line.includes('complete'))).toStrictEqual([
      '0 a 1:a',
      '10 peer 1 closed by peer',
      '20 b 2:b',
      '30 peer 2 closed by us',
      '40 c 3:c',
      '50 peer 3 closed by us',
      '60 d 4:d',
    ]);
  });

  it('returns after a single value that ends the use: `take(1)` and `firstValueFrom`', () => {
    const log = afterUse(
      (io) => (
        io.write('a'),
        io.data$.pipe(
          map((bytes) => bytes.toString()),
          take(1),
        )
      ),
    );
    expect(log).toContain('100 b 1:b');
    const taken = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(v, 'a', db.use(ask('a')).pipe(take(1)));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b')).pipe(take(1))));
      v.at(20, () => void firstValueFrom(db.use(ask('c'))));
      v.at(30, () => noteAll(v, 'd', db.use(ask('d'))));
    });
    expect(taken).toStrictEqual(['0 a 1:a', '0 a complete', '10 b 1:b', '10 b complete', '30 d 1:d', '30 d complete']);
  });

  it('serves sequential uses of an async function, without another dial', async () => {
    let dials = 0;
    const db = pool({
      connect: () => {
        dials += 1;
        const [near, far] = memoryPair();
        const peer = new IOStream({ wire: far });
        answer(peer, dials);
        return { wire: near };
      },
    });
    for (const text of ['a', 'b', 'c']) expect(await firstValueFrom(db.use(ask(text)))).toBe(`1:${text}`);
    expect(dials).toBe(1);
    await db[Symbol.asyncDispose]();
  });

  it('is closed at the end of the tick when `take(1)` has ended the use, and the handler has not completed', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(v, 'a', db.use((io) => ask('a')(io).pipe(switchMap((x) => merge(of(x), NEVER)))).pipe(take(1)));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log).toStrictEqual(['0 a 1:a', '0 a complete', '0 peer 1 closed by peer', '10 b 2:b', '10 b complete']);
  });

  it('stops a synchronous source when the subscriber has unsubscribed', () => {
    let count = 0;
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(v, 'a', db.use(() => range(0, 1_000_000).pipe(tap(() => (count += 1)))).pipe(take(2)));
    });
    expect(log.slice(0, 3)).toStrictEqual(['0 a 0', '0 a 1', '0 a complete']);
    expect(count).toBe(3);
  });
});
