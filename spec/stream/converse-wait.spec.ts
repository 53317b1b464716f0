import { EMPTY, EmptyError, of, Subject, takeUntil, throwError, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { converse } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { data, textOf } from '../support/signal-text.ts';
import { ticks } from './tools.ts';
import { type Talk, text, END, scriptedStream } from './converse-tools.ts';

describe('converse', () => {
  describe('link.wait', () => {
    const asking = (answer: () => Observable<string>): Talk<string> =>
      function* (link) {
        const head = text(yield* link.read(2));
        link.send('asking ');
        const value = yield* link.wait(answer);
        link.send(value);
        return `${head} ${value} ${text(yield* link.read(2))}`;
      };

    spec('continues with the first value, and reads bytes that arrived meanwhile; the others stay in inBuf', async (h) => {
      const { io, wire } = await scriptedStream(h);
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
      wire.emit(data('d'), data('rest'), END);
      expect(io.inBuf.toString()).toBe('drest');
      answer.next('pass');
      expect([answer.observed, io.inBuf.toString()]).toEqual([false, 'rest']);
      await ticks(2);
      expect(textOf(wire.down)).toBe('asking pass');
      expect(seen.values).toEqual(['ab pass cd']);
    });

    spec('throws the error of the Observable into the conversation, or an EmptyError if it emits no value', async (h) => {
      const { io, wire } = await scriptedStream(h);
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

    spec('handles 20,000 synchronous answers without deep recursion', async (h) => {
      const { io } = await scriptedStream(h);
      const seen = h.observed(
        converse(io, function* (link) {
          let sum = 0;
          for (let turn = 0; turn < 20_000; turn += 1) sum += yield* link.wait(() => of(1));
          return sum;
        }),
      );
      expect(seen.values).toEqual([20_000]);
    });

    spec('reports an EOF at the next read, but an error of the stream at once', async (h) => {
      const answer = new Subject<string>();
      const ended = await scriptedStream(h);
      const failed = await scriptedStream(h);
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

    spec('unsubscribes from its Observable with the conversation, also from inside its factory', async (h) => {
      const { io } = await scriptedStream(h);
      for (const inside of [false, true]) {
        const [stop, answer, log] = [new Subject<void>(), new Subject<string>(), [] as string[]];
        const ask = (): Observable<string> => {
          if (inside) stop.next();
          return answer;
        };
        const conversation: Talk<void> = function* (link) {
          try {
            yield* link.wait(ask);
          } finally {
            log.push('finally');
          }
        };
        h.observed(converse(io, conversation).pipe(takeUntil(stop)));
        expect(answer.observed).toBe(!inside);
        stop.next();
        answer.next('late');
        expect([answer.observed, log]).toEqual([false, ['finally']]);
      }
    });
  });
});
