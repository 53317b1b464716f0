import { concat, map, NEVER, of, switchMap, take, tap, throwError, type ObservableInput } from 'rxjs';
import { converse, framed, lines, requests, type IOStream } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { inVirtualTime } from '../stream/tools.ts';
import { answer, ask, noteAll, pooled } from './pool-tools.ts';

const no = Object.assign(new Error('no'), { code: 'ENO' });

describe('`open` of a pool', () => {
  it('is called once for each connection, before its first use, and passes its last value to each handler', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { open: (io: IOStream) => ask('login')(io).pipe(switchMap((reply) => ['first', `session ${reply}`])) });
      const use$ = db.use((io, session) => ask('x')(io).pipe(map((reply) => `${String(session)} ${reply}`)));
      noteAll(v, 'a', concat(use$, use$));
    });
    expect(log).toStrictEqual(['0 a session 1:login 1:x', '0 a session 1:login 1:x', '0 a complete']);
  });

  it('may make `requests` once for each connection', () => {
    const log = inVirtualTime(1000, (v) => {
      const codec = lines({ maxLength: 100 });
      const { db, dials } = pooled(
        v,
        { open: (io: IOStream) => of(requests(framed(io, codec))) },
        { serve: (peer) => framed(peer, codec).messages$.subscribe({ next: (line) => peer.write(`re ${line}\n`), error: () => {} }) },
      );
      const use = (text: string): ObservableInput<string> =>
        db.use((_io, session) =>
          (session as unknown as { request: (text: string) => ObservableInput<string> }).request(text),
        ) as ObservableInput<string>;
      noteAll(v, 'a', concat(use('x'), use('y')));
      v.at(10, () => noteAll(v, 'b', use('z') as never));
      v.at(20, () => v.note(`dials ${dials()}`));
    });
    expect(log).toStrictEqual(['0 a re x', '0 a re y', '0 a complete', '10 b re z', '10 b complete', '20 dials 1']);
  });

  it('errors the use and resets the connection when it errors, and the next use dials again', () => {
    const log = inVirtualTime(1000, (v) => {
      let isFirst = true;
      const open = (): ObservableInput<unknown> => {
        if (!isFirst) return [];
        isFirst = false;
        return throwError(() => no);
      };
      const { db } = pooled(v, { open });
      noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log).toStrictEqual(['0 a error ENO', '0 peer 1 closed by error ECONNRESET', '10 b 2:b', '10 b complete']);
  });

  it('errors the use when the peer ends the connection meanwhile', () => {
    expect(
      inVirtualTime(1000, (v) => noteAll(v, 'a', pooled(v, { open: () => NEVER }, { serve: (peer) => peer.end() }).db.use(ask('a')))),
    ).toContain('0 a error ECLOSED');
  });

  it('reports what a conversation makes of a refused login, not the end of the connection', () => {
    const open = (io: IOStream): ObservableInput<unknown> =>
      converse(io, function* (link) {
        throw Object.assign(new Error(Buffer.from(yield* link.readUntil('\n', 100)).toString()), { code: 'EREFUSED' });
      });
    expect(
      inVirtualTime(1000, (v) => noteAll(v, 'a', pooled(v, { open }, { serve: (peer) => peer.end('wrong password\n') }).db.use(ask('a')))),
    ).toContain('0 a error EREFUSED');
  });

  it('is unsubscribed when the use is', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { open: () => NEVER.pipe(tap({ unsubscribe: () => v.note('unsubscribed') })) });
      const use = noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => use.unsubscribe());
    });
    expect(log).toStrictEqual(['10 unsubscribed', '10 peer 1 closed by peer']);
  });
});

describe('`validate` of a pool', () => {
  it('is called before an idle connection is used, not for a new one and not between two uses', () => {
    const log = inVirtualTime(1000, (v) => {
      const validate = (io: IOStream): ObservableInput<boolean> => ask('ping')(io).pipe(map((reply) => (v.note(`valid ${reply}`), true)));
      const { db } = pooled(v, { max: 1, validate });
      noteAll(v, 'a', db.use(ask('a')));
      noteAll(v, 'b', db.use(ask('b')));
      v.at(10, () => noteAll(v, 'c', db.use(ask('c'))));
    });
    expect(log.filter((line) => !line.includes('complete'))).toStrictEqual(['0 a 1:a', '0 b 1:b', '10 valid 1:ping', '10 c 1:c']);
  });

  it.each<[string, () => ObservableInput<boolean>]>([
    ['emits false', () => [false]],
    ['emits nothing', () => []],
    ['errors', () => throwError(() => no)],
    ['emits true before false', () => [true, false]],
    ['emits a value that is only truthy', () => ['yes'] as never],
    ['returns undefined', () => undefined as never],
    ['returns no Observable', () => true as never],
  ])('closes the connection when it %s, and the use gets another one', (_name, validate) => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { validate });
      noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log.filter((line) => !line.includes('complete'))).toStrictEqual(
      ['0 a 1:a', '10 peer 1 closed by peer', '10 b 2:b'].toSorted(inOrderOf(log)),
    );
  });

  it('closes the connection when it leaves bytes unread', () => {
    const log = inVirtualTime(1000, (v) => {
      const validate = (io: IOStream): ObservableInput<boolean> =>
        converse(io, function* (link) {
          link.send('ping');
          yield* link.read(2);
          return true;
        });
      const { db } = pooled(v, { validate });
      noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log).toContain('10 b 2:b');
  });

  it('counts to `waitTimeout`, and is unsubscribed with the use', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { waitTimeout: 50, validate: () => NEVER.pipe(tap({ unsubscribe: () => v.note('unsubscribed') })) });
      noteAll(v, 'a', db.use(ask('a')).pipe(take(1)));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log.slice(2)).toStrictEqual(['60 unsubscribed', '60 b error ETOCONNECT', '60 peer 1 closed by peer']);
  });

  it('is passed the session of the connection', () => {
    const log = inVirtualTime(1000, (v) => {
      const validate = (_io: IOStream, session: unknown): ObservableInput<boolean> => (v.note(`session ${String(session)}`), [true]);
      const { db } = pooled(v, { open: () => ['s'], validate }, { serve: answer });
      noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log).toContain('10 session s');
    expect(log).toContain('10 b 1:b');
  });
});

function inOrderOf(log: readonly string[]): (one: string, other: string) => number {
  return (one, other) => log.indexOf(one) - log.indexOf(other);
}
