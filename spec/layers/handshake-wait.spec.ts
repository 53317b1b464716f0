import { EMPTY, of, ReplaySubject, Subject, throwError, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { handshake, type HandshakeOptions } from '../../src/layers/handshake.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { END, PAUSE } from '../../src/wire/signal.ts';
import { data, inWords, textOf } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { latin, detailsOf, boom, drive } from './handshake-tools.ts';

describe('handshake', () => {
  describe('link.wait', () => {
    /** Reads two bytes, waits for an answer, sends it, and reads two more. */
    const asking = (answer: () => Observable<string>, more: Partial<HandshakeOptions> = {}): PluginDriver =>
      drive({
        *talk(link) {
          const head = latin(yield* link.read(2));
          link.send('asking');
          const got = yield* link.wait(answer);
          link.send(got);
          return { head, got, tail: latin(yield* link.read(2)) };
        },
        ...more,
      });

    it('sends queued output first, and continues with the first value; bytes that arrive meanwhile are read then', () => {
      const answer = new Subject<string>();
      const { wire, up } = asking(() => answer);
      wire.connect();
      wire.emit(data('abc'));
      expect(inWords(wire.down)).toEqual(['data asking']);
      wire.emit(data('d'), data('left'));
      expect(up).toEqual([]);
      answer.next('pass');
      expect(answer.observed).toBe(false);
      expect(inWords(wire.down)).toEqual(['data asking', 'data pass']);
      expect(detailsOf(up)[0]).toMatchObject({ head: 'ab', got: 'pass', tail: 'cd' });
      expect(textOf(up)).toBe('left');
    });

    it('has the same result for each cut, with the answer after any chunk', () => {
      for (const { name, chunks } of rechunk('abcdleft', { random: 20, empty: true })) {
        for (let turn = 0; turn <= chunks.length; turn += 1) {
          const answer = new ReplaySubject<string>(1);
          const { wire, up } = asking(() => answer);
          wire.connect();
          chunks.forEach((bytes, at) => {
            if (at === turn) answer.next('pass');
            wire.emit({ kind: 'data', bytes });
          });
          answer.next('pass');
          expect([inWords(wire.down), detailsOf(up)[0], textOf(up)], `${name}, answered after ${turn}`).toMatchObject([
            ['data asking', 'data pass'],
            { head: 'ab', tail: 'cd' },
            'left',
          ]);
        }
      }
    });

    it('accepts a promise and an iterable, too', async () => {
      const { wire, up } = drive({
        *talk(link) {
          return { both: [yield* link.wait(() => Promise.resolve(1)), yield* link.wait(() => [2, 3])] };
        },
      });
      wire.connect();
      await Promise.resolve();
      await Promise.resolve();
      expect(detailsOf(up)[0]).toMatchObject({ both: [1, 2] });
    });

    it.each<[string, () => Observable<string>, object]>([
      ['an error', () => throwError(() => new Error('locked')), { message: 'greet: locked [EPROTOCOL]' }],
      ['no value', () => EMPTY, { cause: { name: 'EmptyError' } }],
      ['a throw of what makes it', boom, { message: 'greet: boom [EPROTOCOL]' }],
      ['nothing that can be subscribed', (() => 7) as never, { cause: { name: 'TypeError' } }],
    ])('throws %s into the conversation: if uncaught, the stream errors and the wire is freed', (_, answer, facts) => {
      const made = asking(answer);
      made.wire.connect();
      made.wire.emit(data('ab'));
      expect(made.error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake', layer: 'greet', ...facts });
      expect([made.up, made.wire.freed]).toEqual([[], true]);
    });

    it('continues if the conversation catches the error', () => {
      const { wire, up } = drive({
        *talk(link) {
          let caught = '';
          try {
            yield* link.wait(boom);
          } catch (error) {
            caught = (error as Error).message;
          }
          return { caught, next: latin(yield* link.read(1)) };
        },
      });
      wire.connect();
      wire.emit(data('x'));
      expect(detailsOf(up)[0]).toMatchObject({ caught: 'boom', next: 'x' });
    });

    it('does not deepen the stack: 20,000 answers at once', () => {
      const { wire, up, error } = drive({
        *talk(link) {
          for (let turn = 0; turn < 20_000; turn += 1) yield* link.wait(() => of(turn));
        },
      });
      wire.connect();
      expect([error, inWords(up)]).toEqual([undefined, ['connected']]);
    });

    it('reports an EOF only at the next read', () => {
      const answer = new Subject<string>();
      const short = asking(() => answer, { early: 'EPROXY' });
      short.wire.connect();
      short.wire.emit(data('abc'), END);
      expect(short.state).toBe('open');
      const enough = asking(() => answer);
      enough.wire.connect();
      enough.wire.emit(data('abcd'), END);
      answer.next('pass');
      expect(short.error).toMatchObject({ code: 'EPROXY' });
      expect(inWords(enough.up)).toEqual(['connected', 'end']);
    });

    it('errors at once if the wire fails or completes, and unsubscribes the answer', () => {
      for (const end of [(made: PluginDriver) => made.wire.fail(new Error('why')), (made: PluginDriver) => made.wire.complete()]) {
        const answer = new Subject<string>();
        const made = asking(() => answer);
        made.wire.connect();
        made.wire.emit(data('ab'));
        end(made);
        expect([made.state, answer.observed]).toEqual(['error', false]);
      }
    });

    it('is limited by the timeout of the handshake', () => {
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const answer = new Subject<string>();
      const made = new PluginDriver(
        handshake({
          *talk(link) {
            yield* link.wait(() => answer);
          },
        }),
        { dial: testDial({ scheduler, timeouts: { handshake: 200 } }) },
      );
      made.wire.connect();
      expect(answer.observed).toBe(true);
      scheduler.flush();
      expect(made.error).toMatchObject({ code: 'ETOHANDSHAKE' });
      expect(answer.observed).toBe(false);
    });

    it.each<[string, (made: PluginDriver) => void]>([
      ['close', (made) => made.app.complete()],
      ['reset', (made) => made.app.error(new Error('why'))],
      ['unsubscribe', (made) => made.unsubscribe()],
    ])('is unsubscribed by %s, also by a synchronous one, and the finally blocks of the conversation run', (_, leave) => {
      for (const inside of [false, true]) {
        const answer = new Subject<string>();
        const log: string[] = [];
        const made: PluginDriver = drive({
          *talk(link) {
            try {
              yield* link.wait(() => {
                if (inside) leave(made);
                return answer;
              });
              log.push('never');
            } finally {
              log.push('finally');
            }
          },
        });
        made.wire.connect();
        if (!inside) leave(made);
        expect(answer.observed).toBe(false);
        answer.next('late');
        made.wire.emit(data('late'), END);
        expect([log, made.up, made.wire.down]).toEqual([['finally'], [], []]);
      }
    });

    it('is not subscribed if the conversation was unsubscribed in the same step', () => {
      let asked = 0;
      const made: PluginDriver = drive({
        *talk(link) {
          yield* link.read(1);
          made.unsubscribe();
          yield* link.wait(() => of((asked += 1)));
        },
      });
      made.wire.connect();
      made.wire.emit(data('x'));
      expect(asked).toBe(0);
    });

    it('pauses a peer that sends more than 64 KiB meanwhile, resumes it with the answer, and loses nothing', () => {
      const answer = new Subject<string>();
      const made = asking(() => answer);
      made.app.next(PAUSE);
      made.wire.connect();
      const chunk = 'x'.repeat(1024);
      made.wire.emit(data('abcd'));
      for (let at = 0; at < 63; at += 1) made.wire.emit(data(chunk));
      expect(inWords(made.wire.down)).toEqual(['data asking']);
      made.wire.emit(data(chunk), data(chunk), data(chunk));
      expect(inWords(made.wire.down)).toEqual(['data asking', 'pause']);
      made.wire.answer = ({ kind }) => kind === 'resume' && made.wire.emit(data('last'));
      answer.next('pass');
      expect(inWords(made.wire.down)).toEqual(['data asking', 'pause', 'resume', 'data pass', 'pause']);
      expect(textOf(made.up)).toBe(`${chunk.repeat(66)}last`);
    });
  });
});
