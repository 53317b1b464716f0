/* eslint-disable require-yield -- a talk may have nothing to read */
import { NEVER, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { type HandshakeOptions } from '../../src/layers/handshake.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { END } from '../../src/wire/signal.ts';
import { data, inWords, sent, textOf } from '../support/signal-text.ts';
import type { PluginDriver } from '../support/plugin-driver.ts';
import { boom, greet, REPLY, drive, through } from './handshake-tools.ts';

describe('handshake', () => {
  describe('an EOF of the peer', () => {
    const whole = REPLY.length;

    it.each(Array.from({ length: whole }, (_, count) => count))('after %i bytes of the reply errors with the code asked for', (count) => {
      for (const end of [(made: PluginDriver) => made.wire.emit(END), (made: PluginDriver) => made.wire.complete()]) {
        const made = drive({ early: 'EPROXY' });
        made.wire.connect();
        if (count > 0) made.wire.emit(data(REPLY.slice(0, count)));
        end(made);
        expect(made.error).toMatchObject({ code: 'EPROXY', phase: 'handshake', layer: 'greet' });
        expect((made.error as Error).message).toContain(`(${count} bytes received)`);
        expect([made.up, made.wire.freed, made.app.observed]).toEqual([[], true, false]);
      }
    });

    it('is EPROTOCOL by default', () => {
      const made = drive();
      made.wire.connect();
      made.wire.emit(END);
      expect(made.error).toMatchObject({ code: 'EPROTOCOL' });
    });

    it('after the reply belongs to the layer above', () => {
      const { wire, up, state } = through();
      wire.emit(END);
      expect([inWords(up), state]).toEqual([['connected', 'end'], 'open']);
    });

    it('may be caught by the conversation: connected, leftovers, end', () => {
      const { wire, up } = drive({
        *talk(link) {
          try {
            yield* link.read(100);
          } catch {
            return { short: true };
          }
          return {};
        },
      });
      wire.connect();
      wire.emit(data('few'), END);
      expect(inWords(up)).toEqual(['connected', 'data few', 'end']);
    });

    it('cannot be read past', () => {
      const made = drive({
        *talk(link) {
          for (;;) {
            try {
              yield* link.read(1);
            } catch {
              // and again
            }
          }
        },
      });
      made.wire.connect();
      made.wire.emit(END);
      expect([made.state, made.wire.freed]).toEqual(['error', true]);
    });
  });

  describe('an error of the wire', () => {
    const reset = (): IOStreamError =>
      new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: 'read ECONNRESET', facts: { syscall: 'read' } });
    const waits: [string, (link: Link) => Talk<unknown>][] = [
      ['bytes', (link) => link.read(9)],
      ['something else', (link) => link.wait(() => NEVER)],
    ];
    /** Waits in a talk, and lets the wire fail. */
    const failing = (talk: HandshakeOptions['talk'], error: unknown): PluginDriver => {
      const made = drive({ talk });
      made.wire.connect();
      made.wire.emit(data('few'));
      made.wire.fail(error);
      return made;
    };

    it.each(waits)('has phase and layer of the handshake if the conversation does not catch it while it waits for %s', (_, wait) => {
      const log: unknown[] = [];
      const cause = reset();
      const { error, up, wire } = failing(function* (link) {
        try {
          yield* wait(link);
        } catch (seen) {
          log.push(seen);
          throw seen;
        } finally {
          log.push('finally');
        }
      }, cause);
      expect(error).toMatchObject({ code: 'ECONNRESET', errno: -104, syscall: 'read', phase: 'handshake', layer: 'greet', cause });
      expect((error as Error).message).toBe('greet: connection broke during the handshake: read ECONNRESET [ECONNRESET]');
      expect([log, up, wire.freed]).toEqual([[cause, 'finally'], [], true]);
      expect(cause).not.toHaveProperty('layer');
    });

    it('stays the same if it has a layer, or is not an IOStreamError', () => {
      for (const error of [new IOStreamError('EPROXY', { phase: 'handshake', layer: 'proxy' }), new Error('why'), undefined])
        expect(failing(greet, error).error).toBe(error);
    });

    it.each(waits)('may be replaced by the conversation while it waits for %s', (_, wait) => {
      for (const [better, facts] of [
        [new IOStreamError('EPROXY', { phase: 'handshake' }), { code: 'EPROXY', layer: 'greet' }],
        [new Error('better'), { code: 'EPROTOCOL', layer: 'greet', cause: new Error('better') }],
      ] as const) {
        const { error, wire } = failing(function* (link) {
          try {
            yield* wait(link);
          } catch {
            throw better;
          }
        }, reset());
        expect(error).toMatchObject(facts);
        expect(wire.freed).toBe(true);
      }
    });

    it.each<[string, (link: Link) => Talk<unknown>]>([
      [
        'returns',
        function* () {
          return {};
        },
      ],
      ['reads what is there', (link) => link.read(3)],
      ['reads on', (link) => link.read(9)],
      ['waits for something else', (link) => link.wait(() => of(1))],
    ])('fails the handshake even if the conversation then %s, and nothing more is sent', (_, then) => {
      let finals = 0;
      const { error, up, wire } = failing(function* (link) {
        try {
          yield* link.read(9);
        } catch {
          link.send('bye');
          yield* then(link);
        } finally {
          finals += 1;
        }
      }, reset());
      expect(error).toMatchObject({ code: 'ECONNRESET', phase: 'handshake', layer: 'greet' });
      expect([up, wire.down, finals]).toEqual([[], [], 1]);
    });

    it('of our own reset is not thrown into the conversation: its finally blocks run, and Up errors with the reason', () => {
      const log: string[] = [];
      const made = drive({
        *talk(link) {
          try {
            yield* link.read(9);
          } catch {
            log.push('never');
          } finally {
            log.push('finally');
          }
        },
      });
      const reason = new IOStreamError('ECONNABORTED', { phase: 'close' });
      made.wire.connect();
      made.app.error(reason);
      expect([log, made.wire.error, made.error]).toEqual([['finally'], reason, reason]);
      expect(made.error).toBe(reason);
    });

    it('caused by the conversation itself only runs its finally blocks', () => {
      const log: string[] = [];
      const made: PluginDriver = drive({
        *talk(link) {
          try {
            yield* link.read(1);
            made.wire.fail(reset());
            yield* link.read(1);
          } catch {
            log.push('never');
          } finally {
            log.push('finally');
          }
        },
      });
      made.wire.connect();
      made.wire.emit(data('ab'));
      expect(made.error).toMatchObject({ code: 'ECONNRESET', phase: 'handshake', layer: 'greet' });
      expect(log).toEqual(['finally']);
    });
  });

  describe('a throw of the conversation', () => {
    it.each<[string, HandshakeOptions['talk']]>([
      ['at its start', boom],
      [
        'before it waits',
        function* () {
          boom();
        },
      ],
      [
        'in the middle',
        function* (link) {
          yield* link.read(1);
          boom();
        },
      ],
      [
        'at its end',
        function* (link) {
          yield* link.read(REPLY.length);
          boom();
        },
      ],
    ])('%s errors the stream with it as the cause, and frees the wire', (_, talk) => {
      const made = drive({ talk });
      made.wire.connect();
      made.wire.emit(data(REPLY));
      expect(made.error).toMatchObject({
        name: 'IOStreamError',
        code: 'EPROTOCOL',
        phase: 'handshake',
        layer: 'greet',
        cause: new Error('boom'),
      });
      expect([made.up, made.wire.freed, made.app.observed]).toEqual([[], true, false]);
    });

    it('for a `yield` without `*` names it, and frees the wire', () => {
      const made = drive({
        *talk(link) {
          yield link.read(1) as never;
        },
      });
      made.wire.connect();
      expect(made.error).toMatchObject({ code: 'EPROTOCOL', layer: 'greet', cause: expect.any(TypeError) as unknown });
      expect((made.error as Error).message).toMatch(/^greet: expected the conversation to write `yield\*` before link\.read/);
      expect(made.wire.freed).toBe(true);
    });

    it('of an IOStreamError errors with that, and adds the layer', () => {
      const error = new IOStreamError('EPROXYAUTH', { phase: 'handshake' });
      const made = drive({
        *talk() {
          throw error;
        },
      });
      made.wire.connect();
      expect(made.error).toBe(error);
      expect(error.layer).toBe('greet');
    });

    it('discards the output of that step', () => {
      const made = drive({
        *talk(link) {
          link.send('secret');
          boom();
        },
      });
      made.wire.connect();
      expect(made.wire.down).toEqual([]);
    });
  });

  describe('ending a handshake', () => {
    type Leave = (made: PluginDriver) => void;
    const leaves: [string, Leave, string][] = [
      ['close', (made) => made.app.complete(), 'complete'],
      ['reset', (made) => made.app.error(new Error('why')), 'error'],
      ['unsubscribe', (made) => made.unsubscribe(), 'unsubscribed'],
    ];
    const stages: [string, Leave][] = [
      ['while dialling', () => {}],
      ['at the start of the talk', (made) => made.wire.connect()],
      [
        'in the middle of the talk',
        (made) => {
          made.wire.connect();
          made.wire.emit(data(REPLY.slice(0, 5)));
        },
      ],
    ];
    it.each(leaves.flatMap(([how, leave, flow]) => stages.map(([when, stage]) => [how, when, leave, stage, flow] as const)))(
      'by %s %s runs the finally blocks, and sends nothing more',
      (how, when, leave, stage, flow) => {
        let finals = 0;
        const made = drive({
          *talk(link) {
            try {
              return yield* greet(link);
            } finally {
              finals += 1;
            }
          },
        });
        stage(made);
        const said = made.wire.down.length;
        leave(made);
        expect(finals).toBe(when === 'while dialling' ? 0 : 1);
        expect([made.wire.flow, made.app.observed]).toEqual([flow, false]);
        made.wire.emit(data(REPLY));
        expect([made.wire.down.length, made.up]).toEqual([said, []]);
        if (how === 'close') {
          made.wire.complete();
          expect(made.state).toBe('complete');
        }
      },
    );

    it('by close while queued signals are written, writes each of them once', () => {
      const { app, wire } = drive(
        {},
        {
          seen: (signal, { app }) => {
            if (signal.kind === 'connected') for (const text of ['1', '2', '3']) app.next(data(text));
          },
        },
      );
      wire.answer = (signal) => {
        if (textOf([signal]) === '2') app.complete();
      };
      wire.connect();
      wire.emit(data(REPLY));
      expect([textOf(wire.down), wire.flow]).toEqual(['hellothanks123', 'complete']);
    });

    it('by close after the handshake still reports sent bytes', () => {
      const { app, wire, up } = through();
      wire.emit(sent(11));
      app.next(data('1234'));
      app.complete();
      wire.emit(sent(4));
      expect(inWords(up)).toEqual(['connected', 'sent 4']);
    });

    it('by close from inside connected first writes the queued signals', () => {
      const { wire } = drive(
        {},
        {
          seen: (signal, { app }) => {
            if (signal.kind !== 'connected') return;
            app.next(data('last words'));
            app.next(END);
            app.complete();
          },
        },
      );
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      expect([inWords(wire.down), wire.flow]).toEqual([['data hello', 'data thanks', 'data last words', 'end'], 'complete']);
    });

    it('by reset from inside connected emits no leftovers', () => {
      const { wire, up } = drive({}, { seen: (_, { app }) => app.error(new Error('enough')) });
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      expect([inWords(up), wire.freed]).toEqual([['connected'], true]);
    });

    it('from inside the conversation ends it without a throw', () => {
      const log: string[] = [];
      const made: PluginDriver = drive({
        *talk(link) {
          try {
            yield* link.read(1);
            made.unsubscribe();
            log.push('goes on to its next read');
            yield* link.read(1);
            log.push('never');
          } finally {
            log.push('finally');
          }
        },
      });
      made.wire.connect();
      expect(() => made.wire.emit(data('ab'))).not.toThrow();
      expect([log, made.wire.freed, made.up]).toEqual([['goes on to its next read', 'finally'], true, []]);
    });
  });
});
