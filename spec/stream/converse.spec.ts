import {
  concat,
  concatMap,
  defer,
  EMPTY,
  EmptyError,
  finalize,
  NEVER,
  of,
  Subject,
  takeUntil,
  throwError,
  timeout,
  TimeoutError,
  timer,
  type Observable,
} from 'rxjs';
import { describe, expect } from 'vitest';
import { converse, IOStream } from 'rxjs-io-stream';
import { rechunk } from '../../src/testing/rechunk.ts';
import { syncPair } from '../../src/testing/memory/sync-pair.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { data, inWords, textOf } from '../support/signal-text.ts';
import { ScriptedWire } from '../support/scripted-wire.ts';
import { joined, owned, ticks } from './tools.ts';

type Talk<T> = Parameters<typeof converse<T>>[1];

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const END = { kind: 'end' } as const;

/** A greeting: a version of 3 bytes, a line, two bytes; answers in between. */
const greeting: Talk<string[]> = function* (link) {
  link.send('hello ');
  link.send('there\n');
  const version = yield* link.read(3);
  const line = yield* link.readUntil('\r\n', 64);
  link.send('thanks\n');
  const last = yield* link.read(2);
  return [version, line, last].map(text);
};
const SAID = '2.0some words\r\nok';

/** An open stream over a wire that the spec plays by hand; what is written is sent at once. */
async function scripted(h: Harness): Promise<{ io: IOStream; wire: ScriptedWire }> {
  const wire = new ScriptedWire();
  wire.answer = (signal) => {
    if (signal.kind === 'data') wire.emit({ kind: 'sent', bytes: signal.bytes.length });
  };
  const [io] = owned(h, new IOStream({ wire: wire.wire, allowHalfOpen: true }));
  await ticks(1);
  wire.connect();
  return { io, wire };
}

describe('converse', () => {
  spec('reads exactly, at every cut of the bytes; what it did not read stays in inBuf', async (h) => {
    for (const { name, chunks } of rechunk(`${SAID} and more`, { empty: true })) {
      const { io, wire } = await scripted(h);
      const seen = h.observed(converse(io, greeting));
      for (const bytes of chunks) wire.emit({ kind: 'data', bytes });
      await ticks(2);
      expect(seen, name).toMatchObject({ state: 'complete', values: [['2.0', 'some words\r\n', 'ok']] });
      expect(io.inBuf.toString(), name).toBe(' and more');
      expect(textOf(wire.down), name).toBe('hello there\nthanks\n');
      wire.emit(data(' still'));
      expect(io.inBuf.toString(), name).toBe(' and more still');
    }
  });

  spec('gives what it did not read to who comes next: data$, consume, iteration, another talk', async (h) => {
    const readers: ((io: IOStream) => Promise<string>)[] = [
      async (io) => text(await h.observed(io.data$).value()),
      async (io) => text(await h.observed(io.consume((chunk) => of(chunk))).value()),
      async (io) => text(((await io[Symbol.asyncIterator]().next()) as { value: Buffer }).value),
      async (io) =>
        h
          .observed(
            converse(io, function* (link) {
              return text(yield* link.read(4));
            }),
          )
          .value(),
    ];
    for (const reader of readers) {
      const { io, wire } = await scripted(h);
      const seen = h.observed(converse(io, greeting));
      wire.emit(data(`${SAID}more`));
      await seen.ended;
      expect(await reader(io)).toBe('more');
    }
  });

  spec('begins with what was in inBuf', async (h) => {
    const { io, wire } = await scripted(h);
    wire.emit(data(SAID.slice(0, 9)));
    await ticks(2);
    const seen = h.observed(converse(io, greeting));
    wire.emit(data(SAID.slice(9)));
    expect((await seen.ended).values).toEqual([['2.0', 'some words\r\n', 'ok']]);
  });

  spec('is cold, and runs anew for each subscription', async (h) => {
    const { io, wire } = await scripted(h);
    let runs = 0;
    const talk$ = converse(io, function* (link) {
      runs += 1;
      return text(yield* link.read(1));
    });
    expect(runs).toBe(0);
    wire.emit(data('ab'));
    const seen = await h.observed(concat(talk$, talk$)).ended;
    expect(seen.values).toEqual(['a', 'b']);
    expect(runs).toBe(2);
  });

  spec('completes when what it has sent has left, and writes it in one piece', async (h) => {
    const { io, wire } = await scripted(h);
    const seen = h.observed(
      converse(io, function* (link) {
        link.send('a');
        link.send(new Uint8Array([98]));
        return yield* link.read(0);
      }),
    );
    expect([seen.state, wire.down]).toEqual(['open', []]);
    await ticks(2);
    expect(inWords(wire.down)).toEqual(['data ab']);
    expect(seen.state).toBe('complete');
  });

  spec('shows data$ each byte once, in order', async (h) => {
    const { io, wire } = await scripted(h);
    const tapped = h.observed(io.data$);
    const seen = h.observed(converse(io, greeting));
    for (const bytes of [SAID.slice(0, 5), `${SAID.slice(5)} and`, ' more']) wire.emit(data(bytes));
    await ticks(2);
    wire.emit(END);
    wire.complete();
    await tapped.ended;
    expect(seen.state).toBe('complete');
    expect(text(Buffer.concat(tapped.values))).toBe(`${SAID} and more`);
  });

  spec('takes a thousand steps from one chunk, and a long read in one-byte chunks', async (h) => {
    const { io, wire } = await scripted(h);
    const seen = h.observed(
      converse(io, function* (link) {
        let sum = 0;
        for (let each = 0; each < 1000; each += 1) sum += (yield* link.read(1))[0] ?? 0;
        return [sum, (yield* link.read(20_000)).length];
      }),
    );
    wire.emit({ kind: 'data', bytes: new Uint8Array(1000).fill(1) });
    for (let each = 0; each < 20_000; each += 1) wire.emit(data('x'));
    expect((await seen.ended).values).toEqual([[1000, 20_000]]);
  });

  describe('errors', () => {
    spec('with what the talk throws, as it is; the stream goes on, and has what was not read', async (h) => {
      const { io, wire } = await scripted(h);
      const refused = new Error('expected 220, got 500');
      const seen = h.observed(
        converse(io, function* (link) {
          yield* link.read(3);
          link.send('QUIT\n');
          throw refused;
        }),
      );
      wire.emit(data('500 no'));
      await seen.ended;
      expect(seen.error).toBe(refused);
      expect(io.inBuf.toString()).toBe(' no');
      io.write('still here');
      await ticks(2);
      expect(textOf(wire.down)).toBe('QUIT\nstill here');
      expect(io.state).toBe('open');
    });

    spec('with what the talk throws before it reads, or when it is no generator', async (h) => {
      const { io } = await scripted(h);
      const early = h.observed(
        converse(io, () => {
          throw new RangeError('early');
        }),
      );
      expect(early.error).toBeInstanceOf(RangeError);
      expect(h.observed(converse(io, (() => 7) as never)).error).toBeInstanceOf(TypeError);
      expect(h.observed(converse(io, greeting)).state).toBe('open'); // the place is free again
    });

    spec('with EPROTOCOL when the peer ends too early; what came is in inBuf', async (h) => {
      const { io, wire } = await scripted(h);
      const seen = h.observed(converse(io, greeting));
      wire.emit(data('2.0some'), END);
      await seen.ended;
      h.error(seen.error, { code: 'EPROTOCOL', phase: 'read' });
      expect((seen.error as Error).message).toContain('unexpected EOF after 7 bytes');
      expect(io.inBuf.toString()).toBe('some');
      expect(io.state).toBe('open');
      expect(text(await h.observed(io.data$).value())).toBe('some');
    });

    spec('not when the talk catches the early end', async (h) => {
      const { io, wire } = await scripted(h);
      const seen = h.observed(
        converse(io, function* (link) {
          try {
            return text(yield* link.read(10));
          } catch {
            return 'nothing more';
          }
        }),
      );
      wire.emit(data('x'), END);
      expect(await seen.ended).toMatchObject({ state: 'complete', values: ['nothing more'] });
    });

    spec('with EPROTOCOL when a delimiter does not come within its limit', async (h) => {
      const { io, wire } = await scripted(h);
      const seen = h.observed(converse(io, (link) => link.readUntil('\n', 4)));
      wire.emit(data('12345'));
      h.error((await seen.ended).error, { code: 'EPROTOCOL' });
      expect(io.inBuf.toString()).toBe('12345');
    });

    spec('with the error of the stream, and the talk is over', async (h) => {
      const { io, wire } = await scripted(h);
      let left = false;
      const seen = h.observed(
        converse(io, function* (link) {
          try {
            yield* link.read(10);
          } finally {
            left = true;
          }
        }),
      );
      const failure = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
      wire.fail(failure);
      h.error((await seen.ended).error, { code: 'ECONNRESET', phase: 'read' });
      expect(left).toBe(true);
    });

    spec('with what the talk makes of the error of the stream; not when it returns', async (h) => {
      const waits: [Talk<unknown>, string][] = [
        [(link) => link.read(10), 'left'],
        [(link) => link.wait(() => NEVER), ''],
      ];
      for (const [wait, left] of waits) {
        const better = new Error('better');
        for (const [then, expected] of [
          [() => 'without', { state: 'complete', values: ['without'] }],
          [
            () => {
              throw better;
            },
            { state: 'error', error: better },
          ],
        ] as const) {
          const { io, wire } = await scripted(h);
          const told: unknown[] = [];
          const seen = h.observed(
            converse(io, function* (link) {
              try {
                return yield* wait(link);
              } catch (error) {
                told.push(error);
                return then();
              }
            }),
          );
          wire.emit(data(left));
          wire.fail(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' }));
          expect(await seen.ended).toMatchObject(expected);
          h.error(told[0], { code: 'ECONNRESET', phase: 'read' });
          expect([told.length, io.inBuf.toString()]).toEqual([1, left]);
        }
      }
    });

    spec('with the error of the stream, or the early end, when the talk waits on all the same; its finally blocks run', async (h) => {
      for (const [end, code] of [
        [(wire: ScriptedWire) => wire.fail(Object.assign(new Error('reset'), { code: 'ECONNRESET' })), 'ECONNRESET'],
        [(wire: ScriptedWire) => wire.emit(END), 'EPROTOCOL'],
      ] as const) {
        const { io, wire } = await scripted(h);
        let left = 0;
        const seen = h.observed(
          converse(io, function* (link) {
            try {
              for (;;) {
                try {
                  yield* link.read(10);
                } catch {
                  // and again
                }
              }
            } finally {
              left += 1;
            }
          }),
        );
        end(wire);
        h.error((await seen.ended).error, { code });
        expect(left).toBe(1);
      }
    });

    spec('when the stream is closed, before or by the talk itself', async (h) => {
      const { io, wire } = await scripted(h);
      const seen = h.observed(
        converse(io, function* (link) {
          link.send('bye');
          io.close();
          yield* link.read(1);
        }),
      );
      await seen.ended;
      h.error(seen.error, { code: 'ECLOSED', phase: 'read' });
      wire.complete();
      h.error((await h.observed(converse(io, greeting)).ended).error, { code: 'ECLOSED', phase: 'read' });
    });

    spec('with a TypeError when somebody else takes the bytes; he goes on', async (h) => {
      const { io, wire } = await scripted(h);
      const consumed = h.observed(io.consume((chunk) => of(text(chunk))));
      expect(h.observed(converse(io, greeting)).error).toBeInstanceOf(TypeError);
      wire.emit(data('mine'));
      expect(await consumed.value()).toBe('mine');
      consumed.unsubscribe();
      const talking = h.observed(converse(io, greeting));
      for (const second of [converse(io, greeting), io.consume(() => of())])
        expect(h.observed<unknown>(second).error).toBeInstanceOf(TypeError);
      await expect(io[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
      wire.emit(data(SAID));
      expect((await talking.ended).state).toBe('complete');
    });
  });

  describe('waiting for something else than bytes', () => {
    const asking = (answer: () => Observable<string>): Talk<string> =>
      function* (link) {
        const head = text(yield* link.read(2));
        link.send('asking ');
        const got = yield* link.wait(answer);
        link.send(got);
        return `${head} ${got} ${text(yield* link.read(2))}`;
      };

    spec('goes on with the first value; what came meanwhile is read then, the rest stays in inBuf', async (h) => {
      const { io, wire } = await scripted(h);
      const answer = new Subject<string>();
      const seen = h.observed(
        converse(
          io,
          asking(() => answer),
        ),
      );
      wire.emit(data('abc'));
      await ticks(2);
      expect(textOf(wire.down)).toBe('asking ');
      wire.emit(data('d'), data('left'), END);
      expect(io.inBuf.toString()).toBe('dleft');
      answer.next('pass');
      expect([answer.observed, io.inBuf.toString()]).toEqual([false, 'left']);
      await ticks(2);
      expect(textOf(wire.down)).toBe('asking pass');
      expect(seen.values).toEqual(['ab pass cd']);
    });

    spec('throws an error, or that there is no value, into the talk', async (h) => {
      const { io, wire } = await scripted(h);
      wire.emit(data('ab'));
      const locked = new Error('locked');
      expect(
        h.observed(
          converse(
            io,
            asking(() => throwError(() => locked)),
          ),
        ).error,
      ).toBe(locked);
      wire.emit(data('ab'));
      expect(
        h.observed(
          converse(
            io,
            asking(() => EMPTY),
          ),
        ).error,
      ).toBeInstanceOf(EmptyError);
      expect(io.state).toBe('open');
    });

    spec('does not deepen the stack: 20,000 answers at once', async (h) => {
      const { io } = await scripted(h);
      const seen = h.observed(
        converse(io, function* (link) {
          let sum = 0;
          for (let turn = 0; turn < 20_000; turn += 1) sum += yield* link.wait(() => of(1));
          return sum;
        }),
      );
      expect(seen.values).toEqual([20_000]);
    });

    spec('learns of an EOF when it reads on, and of an error of the stream at once', async (h) => {
      const answer = new Subject<string>();
      const ended = await scripted(h);
      const failed = await scripted(h);
      const [short, broken] = [ended, failed].map(({ io }) =>
        h.observed(
          converse(
            io,
            asking(() => answer),
          ),
        ),
      );
      for (const { wire } of [ended, failed]) wire.emit(data('ab'));
      ended.wire.emit(END);
      failed.wire.fail(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
      expect(short?.state).toBe('open');
      h.error(broken?.error, { code: 'ECONNRESET' });
      answer.next('pass');
      h.error(short?.error, { code: 'EPROTOCOL', phase: 'read' });
    });

    spec('is unsubscribed with the talk, also from inside of what it asks', async (h) => {
      const { io } = await scripted(h);
      for (const inside of [false, true]) {
        const [stop, answer, log] = [new Subject<void>(), new Subject<string>(), [] as string[]];
        const ask = (): Observable<string> => {
          if (inside) stop.next();
          return answer;
        };
        const talk: Talk<void> = function* (link) {
          try {
            yield* link.wait(ask);
          } finally {
            log.push('finally');
          }
        };
        h.observed(converse(io, talk).pipe(takeUntil(stop)));
        expect(answer.observed).toBe(!inside);
        stop.next();
        answer.next('late');
        expect([answer.observed, log]).toEqual([false, ['finally']]);
      }
    });
  });

  describe('unsubscribed in the middle', () => {
    spec('runs the finally blocks, whose words still leave, and keeps the unread bytes', async (h) => {
      const { io, wire } = await scripted(h);
      const stop = new Subject<void>();
      const seen = h.observed(
        converse(io, function* (link) {
          try {
            yield* link.read(3);
            yield* link.read(100);
          } finally {
            link.send('ABORT\n');
          }
        }).pipe(takeUntil(stop)),
      );
      wire.emit(data('abcde'));
      wire.emit(data('fg'));
      stop.next();
      expect(seen).toMatchObject({ state: 'complete', values: [] });
      await ticks(2);
      expect(io.inBuf.toString()).toBe('defg');
      expect(textOf(wire.down)).toBe('ABORT\n');
      wire.emit(data('h'));
      expect(text(await h.observed(io.data$).value())).toBe('defgh');
    });

    spec('by the talk itself, lets it end its step and asks no more', async (h) => {
      const { io, wire } = await scripted(h);
      const stop = new Subject<void>();
      const steps: string[] = [];
      const seen = h.observed(
        converse(io, function* (link) {
          try {
            yield* link.read(1);
            stop.next();
            steps.push('the rest of the step');
            yield* link.read(1);
            steps.push('never');
          } finally {
            steps.push('finally');
          }
        }).pipe(takeUntil(stop)),
      );
      wire.emit(data('abc'));
      expect(seen.state).toBe('complete');
      expect(steps).toEqual(['the rest of the step', 'finally']);
      await ticks(2);
      expect(io.inBuf.toString()).toBe('bc');
    });

    spec('by timeout()', async (h) => {
      const { io, wire } = await scripted(h);
      wire.emit(data('2.'));
      const seen = await h.observed(converse(io, greeting).pipe(timeout(10))).ended;
      expect(seen.error).toBeInstanceOf(TimeoutError);
      expect(io.inBuf.toString()).toBe('2.');
      expect(io.state).toBe('open');
    });
  });

  spec('talks on both ends of a connection, again and again, between other readers', async (h) => {
    const [client, server] = joined(h, {}, { allowHalfOpen: true });
    const rounds = 50;
    const served = h.observed(
      converse(server, function* (link) {
        for (let round = 0; round < rounds; round += 1) link.send(`${Number(text(yield* link.readUntil('\n', 9))) * 2}\n`);
      }).pipe(
        concatMap(() => server.send(server)),
        finalize(() => server.end()),
      ),
    );
    const asked = h.observed(
      concat(
        ...Array.from({ length: rounds }, (_, round) =>
          converse(client, function* (link) {
            link.send(`${round}\n`);
            return Number(text(yield* link.readUntil('\n', 9)));
          }),
        ),
        defer(() => timer(1)),
      ),
    );
    await asked.ended;
    expect(asked.values.slice(0, rounds)).toEqual(Array.from({ length: rounds }, (_, round) => round * 2));
    client.end('now the echo');
    const rest = await h.observed(client.data$).ended;
    expect(text(Buffer.concat(rest.values))).toBe('now the echo');
    await served.ended;
  });

  spec('keeps the order when the wire gives more from inside of its resume', async (h) => {
    const [left, right] = syncPair();
    const [peer, io] = owned(h, new IOStream({ wire: left }), new IOStream({ wire: right, highWaterMark: 4 }));
    await ticks();
    for (const piece of ['AAAA', 'BBBB', 'CCCC']) {
      peer.write(piece);
      await ticks();
    }
    expect(io.inBuf.toString()).toBe('AAAA');
    const also = h.observed(io.data$);
    const talk$ = converse(io, function* (link) {
      return text(yield* link.read(12));
    });
    expect(await h.observed(talk$).value()).toBe('AAAABBBBCCCC');
    h.sameBytes(also.values, 'AAAABBBBCCCC');
  });

  spec('puts what it did not read before what came meanwhile', async (h) => {
    for (const leave of ['returns', 'throws', 'is unsubscribed'] as const) {
      const { io, wire } = await scripted(h);
      const goOn = new Subject<void>();
      const seen = h.observed(
        converse(io, function* (link) {
          yield* link.read(1);
          yield* link.wait(() => goOn);
          if (leave === 'throws') throw new Error('enough');
        }),
      );
      wire.emit(data('1 left'));
      wire.emit(data(' and came'));
      if (leave === 'is unsubscribed') seen.unsubscribe();
      else goOn.next();
      expect(text(io.inBuf), leave).toBe(' left and came');
      expect(seen.state).toBe({ returns: 'complete', throws: 'error', 'is unsubscribed': 'unsubscribed' }[leave]);
    }
  });
});
