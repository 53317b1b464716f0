import { NEVER, of, Subject, takeUntil, timeout, TimeoutError } from 'rxjs';
import { describe, expect } from 'vitest';
import { converse } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { data, textOf } from '../support/signal-text.ts';
import type { ScriptedWire } from '../support/scripted-wire.ts';
import { ticks } from './tools.ts';
import { type Talk, text, END, greeting, PEER_GREETING, scriptedStream } from './converse-tools.ts';

describe('converse', () => {
  describe('errors', () => {
    spec('errors with what the conversation throws, and leaves the stream open with the unread bytes', async (h) => {
      const { io, wire } = await scriptedStream(h);
      const thrown = new Error('expected 220, got 500');
      const seen = h.observed(
        converse(io, function* (link) {
          yield* link.read(3);
          link.send('QUIT\n');
          throw thrown;
        }),
      );
      wire.emit(data('500 no'));
      await seen.ended;
      expect(seen.error).toBe(thrown);
      expect(io.inBuf.toString()).toBe(' no');
      io.write('still here');
      await ticks(2);
      expect(textOf(wire.down)).toBe('QUIT\nstill here');
      expect(io.state).toBe('open');
    });

    spec('errors with what the conversation throws before it reads, or with a TypeError if it is not a generator', async (h) => {
      const { io } = await scriptedStream(h);
      const early = h.observed(
        converse(io, () => {
          throw new RangeError('early');
        }),
      );
      expect(early.error).toBeInstanceOf(RangeError);
      expect(h.observed(converse(io, (() => 7) as never)).error).toBeInstanceOf(TypeError);
      expect(h.observed(converse(io, greeting)).state).toBe('open'); // the stream accepts a reader again
    });

    spec('errors with EPROTOCOL if the peer ends too early, and leaves the unread bytes in inBuf', async (h) => {
      const { io, wire } = await scriptedStream(h);
      const seen = h.observed(converse(io, greeting));
      wire.emit(data('2.0some'), END);
      await seen.ended;
      h.error(seen.error, { code: 'EPROTOCOL', phase: 'read' });
      expect((seen.error as Error).message).toContain('(7 bytes received)');
      expect(io.inBuf.toString()).toBe('some');
      expect(io.state).toBe('open');
      expect(text(await h.observed(io.data$).value())).toBe('some');
    });

    spec('completes if the conversation catches the early end', async (h) => {
      const { io, wire } = await scriptedStream(h);
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

    spec('errors with EPROTOCOL if a delimiter is not found within its limit', async (h) => {
      const { io, wire } = await scriptedStream(h);
      const seen = h.observed(converse(io, (link) => link.readUntil('\n', 4)));
      wire.emit(data('12345'));
      h.error((await seen.ended).error, { code: 'EPROTOCOL' });
      expect(io.inBuf.toString()).toBe('12345');
    });

    spec('errors with the error of the stream, and runs the finally blocks of the conversation', async (h) => {
      const { io, wire } = await scriptedStream(h);
      let hasFinished = false;
      const seen = h.observed(
        converse(io, function* (link) {
          try {
            yield* link.read(10);
          } finally {
            hasFinished = true;
          }
        }),
      );
      const failure = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
      wire.fail(failure);
      h.error((await seen.ended).error, { code: 'ECONNRESET', phase: 'read' });
      expect(hasFinished).toBe(true);
    });

    spec('errors with what the conversation throws on an error of the stream, and completes if it returns', async (h) => {
      const waits: [Talk<unknown>, string][] = [
        [(link) => link.read(10), 'unread'],
        [(link) => link.wait(() => NEVER), ''],
      ];
      for (const [wait, unread] of waits) {
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
          const { io, wire } = await scriptedStream(h);
          const caught: unknown[] = [];
          const seen = h.observed(
            converse(io, function* (link) {
              try {
                return yield* wait(link);
              } catch (error) {
                caught.push(error);
                return then();
              }
            }),
          );
          wire.emit(data(unread));
          wire.fail(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' }));
          expect(await seen.ended).toMatchObject(expected);
          h.error(caught[0], { code: 'ECONNRESET', phase: 'read' });
          expect([caught.length, io.inBuf.toString()]).toEqual([1, unread]);
        }
      }
    });

    spec(
      'errors with the error of the stream, or the early end, if the conversation waits again, and runs its finally blocks',
      async (h) => {
        for (const [end, code] of [
          [(wire: ScriptedWire) => wire.fail(Object.assign(new Error('reset'), { code: 'ECONNRESET' })), 'ECONNRESET'],
          [(wire: ScriptedWire) => wire.emit(END), 'EPROTOCOL'],
        ] as const) {
          const { io, wire } = await scriptedStream(h);
          let finished = 0;
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
                finished += 1;
              }
            }),
          );
          end(wire);
          h.error((await seen.ended).error, { code });
          expect(finished).toBe(1);
        }
      },
    );

    spec('errors with ECLOSED if the stream was closed, before or by the conversation itself', async (h) => {
      const { io, wire } = await scriptedStream(h);
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

    spec('errors with a TypeError if the stream has another reader, which continues', async (h) => {
      const { io, wire } = await scriptedStream(h);
      const consumed = h.observed(io.consume((chunk) => of(text(chunk))));
      expect(h.observed(converse(io, greeting)).error).toBeInstanceOf(TypeError);
      wire.emit(data('mine'));
      expect(await consumed.value()).toBe('mine');
      consumed.unsubscribe();
      const conversing = h.observed(converse(io, greeting));
      for (const second of [converse(io, greeting), io.consume(() => of())])
        expect(h.observed<unknown>(second).error).toBeInstanceOf(TypeError);
      await expect(io[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
      wire.emit(data(PEER_GREETING));
      expect((await conversing.ended).state).toBe('complete');
    });
  });

  describe('unsubscribing from converse', () => {
    spec('runs the finally blocks, whose output is still written, and keeps the unread bytes', async (h) => {
      const { io, wire } = await scriptedStream(h);
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

    spec('completes the current step of the conversation when it unsubscribes itself, and reads no more', async (h) => {
      const { io, wire } = await scriptedStream(h);
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

    spec('keeps the unread bytes when `timeout` unsubscribes', async (h) => {
      const { io, wire } = await scriptedStream(h);
      wire.emit(data('2.'));
      const seen = await h.observed(converse(io, greeting).pipe(timeout(10))).ended;
      expect(seen.error).toBeInstanceOf(TimeoutError);
      expect(io.inBuf.toString()).toBe('2.');
      expect(io.state).toBe('open');
    });
  });
});
