import { EMPTY, EmptyError, of, Subject, takeUntil, throwError, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { converse } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { data, textOf } from '../support/signal-text.ts';
import { ticks } from './tools.ts';
import { type Talk, text, END, scripted } from './converse-tools.ts';

describe('converse', () => {
  describe('link.wait', () => {
    const asking = (answer: () => Observable<string>): Talk<string> =>
      function* (link) {
        const head = text(yield* link.read(2));
        link.send('asking ');
        const got = yield* link.wait(answer);
        link.send(got);
        return `${head} ${got} ${text(yield* link.read(2))}`;
      };

    spec('continues with the first value; bytes that arrive meanwhile are read then, the rest stays in inBuf', async (h) => {
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

    spec('throws an error, or EmptyError without a value, into the conversation', async (h) => {
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

    spec('reports an EOF at the next read, and an error of the stream at once', async (h) => {
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

    spec('is unsubscribed with the conversation, also from inside its own factory', async (h) => {
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
});
