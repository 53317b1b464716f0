/* eslint-disable require-yield -- a talk may have nothing to read */
import { EMPTY, NEVER, of, ReplaySubject, Subject, throwError, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { handshake, type HandshakeOptions } from '../../src/layers/handshake.ts';
import type { Link, Talk } from '../../src/protocol/link.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME, type Up } from '../../src/wire/signal.ts';
import { data, inWords, sent, sentOf, textOf } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const detailsOf = (up: readonly Up[]): readonly unknown[] => up.flatMap((signal) => (signal.kind === 'connected' ? signal.details : []));
const boom = (): never => {
  throw new Error('boom');
};

/** Says `hello`, reads a length, that many bytes and a line; says `thanks` between. */
function* greet(link: Link): Talk<{ name: string; line: string }> {
  link.send('hello');
  const [length] = yield* link.read(1);
  const name = latin(yield* link.read(length ?? 0));
  link.send('thanks');
  const line = latin(yield* link.readUntil('\n', 16));
  return { name, line };
}
const REPLY = '\x03bob ok\n';

const ride = (options: Partial<HandshakeOptions> = {}, more: ConstructorParameters<typeof PluginDriver>[1] = {}): PluginDriver =>
  new PluginDriver(handshake({ talk: greet, ...options }), { dial: testDial({ layer: 'greet' }), ...more });
const through = (options: Partial<HandshakeOptions> = {}): PluginDriver => {
  const made = ride(options);
  made.wire.connect();
  made.wire.emit(data(REPLY));
  return made;
};

describe('handshake', () => {
  it('refuses no options at all', () => {
    expect(() => handshake(undefined as never)).toThrow('expected an object of options for handshake, got undefined');
  });

  it.each([{}, { talk: 'secret' }, { talk: [] }])('refuses %j at the call', (options) => {
    expect(() => handshake(options as HandshakeOptions)).toThrow(TypeError);
    expect(() => handshake(options as HandshakeOptions)).toThrow('expected `talk` of handshake to be a generator function, got ');
    expect(() => handshake(options as HandshakeOptions)).not.toThrow('secret');
  });

  it('says nothing before the wire below is connected', () => {
    const { wire, up } = ride();
    expect([wire.down, up]).toEqual([[], []]);
  });

  it('talks, then tells its details before those below', () => {
    const { wire, up } = through();
    expect(inWords(wire.down)).toEqual(['data hello', 'data thanks']);
    expect(up).toEqual([{ kind: 'connected', details: [{ layer: 'greet', name: 'bob', line: ' ok\n' }, { wire: 'scripted' }] }]);
  });

  it('is connected at once when nothing needs to be said', () => {
    const { wire, up } = ride({ *talk() {} });
    wire.connect();
    expect([inWords(wire.down), up]).toEqual([[], [{ kind: 'connected', details: [{ layer: 'greet' }, { wire: 'scripted' }] }]]);
  });

  it('passes bytes both ways once it is through, and any other signal', () => {
    const { app, wire, up } = through();
    for (const signal of [data('a'), PAUSE, RESUME, END]) app.next(signal);
    wire.emit(data('b'), PAUSE, RESUME, { kind: 'end', truncated: true });
    expect(inWords(wire.down).slice(2)).toEqual(['data a', 'pause', 'resume', 'end']);
    expect(inWords(up).slice(1)).toEqual(['data b', 'pause', 'resume', 'end truncated']);
  });

  it('makes a conversation of its own for each subscription', () => {
    const plugin = handshake({ talk: greet });
    const rides = [new PluginDriver(plugin), new PluginDriver(plugin)];
    for (const { wire } of rides) wire.connect();
    rides[0]?.wire.emit(data('\x01'));
    rides[1]?.wire.emit(data(REPLY));
    rides[0]?.wire.emit(data('x\n'));
    expect(rides.map(({ up }) => detailsOf(up)[0])).toMatchObject([{ name: 'x' }, { name: 'bob' }]);
  });

  describe('its target', () => {
    it('is dialled as it is without `to`, and the talk gets it', () => {
      const to = { host: 'target', port: 1 };
      const seen: unknown[] = [];
      const plugin = handshake({
        *talk(_link, target) {
          seen.push(target);
        },
      });
      const { wire, up } = new PluginDriver(plugin, { dial: testDial({ to }) });
      wire.emit({ kind: 'resolved', host: 'target', ip: '1.2.3.4', family: 4 });
      wire.connect();
      expect([wire.dials[0]?.to, seen, up[0]?.kind]).toEqual([to, [to], 'resolved']);
    });

    it('is for the talk when `to` is dialled instead; what that resolves to is not told', () => {
      const [to, proxy] = [
        { host: 'target', port: 1 },
        { host: 'proxy', port: 2 },
      ];
      const seen: unknown[] = [];
      const plugin = handshake({
        to: proxy,
        *talk(_link, target) {
          seen.push(target);
        },
      });
      const dial = testDial({ to, layer: 'p' });
      const { wire, up } = new PluginDriver(plugin, { dial });
      wire.emit({ kind: 'resolved', host: 'proxy', ip: '1.2.3.4', family: 4 });
      wire.connect();
      expect([wire.dials[0], seen, inWords(up)]).toEqual([{ ...dial, to: proxy }, [to], ['connected']]);
    });

    it('must be there when `to` is dialled instead: thrown by the dial', () => {
      const plugin = handshake({ to: { host: 'proxy', port: 2 }, *talk() {} });
      expect(() => plugin(() => () => NEVER)(testDial())).toThrow(TypeError);
      expect(() => plugin(() => () => NEVER)(testDial())).toThrow('{fh} already connected');
    });
  });

  describe('leftovers', () => {
    it('reach the layer above, in order, wherever reply and payload are cut', () => {
      for (const { name, chunks } of rechunk(`${REPLY}payload`, { random: 100, empty: true })) {
        const { wire, up } = ride();
        wire.connect();
        for (const bytes of chunks) wire.emit({ kind: 'data', bytes });
        expect([inWords(up)[0], textOf(up), inWords(wire.down)], name).toEqual(['connected', 'payload', ['data hello', 'data thanks']]);
      }
    });

    it('reach it when it pauses, too', () => {
      const { app, wire, up } = ride();
      app.next(PAUSE);
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      expect([inWords(up), inWords(wire.down)]).toEqual([
        ['connected', 'data left'],
        ['data hello', 'data thanks', 'pause'],
      ]);
    });

    it('come before what the wire answers from inside next, and before the end', () => {
      const { wire, up } = ride({}, { seen: (signal, { app }) => signal.kind === 'connected' && app.next(data('ping')) });
      wire.answer = (signal) => inWords([signal])[0] === 'data ping' && wire.emit(data('pong'), END);
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      expect(inWords(up)).toEqual(['connected', 'data left', 'data pong', 'end']);
    });

    it('come before an end that came with the last reply', () => {
      const { wire, up } = ride({
        *talk(link) {
          link.send('hello');
          yield* link.read(2);
        },
      });
      wire.answer = () => wire.emit(data('okleft'), END);
      wire.connect();
      expect(inWords(up)).toEqual(['connected', 'data left', 'end']);
    });
  });

  describe('pause and resume', () => {
    it('from above are kept during the talk, and only the last is passed on', () => {
      const kept = (...signals: readonly (typeof PAUSE | typeof RESUME)[]): string[] => {
        const { app, wire } = ride();
        wire.connect();
        for (const signal of signals) app.next(signal);
        wire.emit(data(REPLY));
        return inWords(wire.down).slice(2);
      };
      expect(kept(PAUSE)).toEqual(['pause']);
      expect(kept(PAUSE, RESUME)).toEqual([]);
      expect(kept(PAUSE, RESUME, PAUSE)).toEqual(['pause']);
      expect(kept(RESUME)).toEqual([]);
    });

    it('from below pass at any time', () => {
      const { wire, up } = ride();
      wire.emit(PAUSE);
      wire.connect();
      wire.emit(RESUME, PAUSE, data(REPLY));
      expect(inWords(up)).toEqual(['pause', 'resume', 'pause', 'connected']);
    });
  });

  describe('sent', () => {
    it('keeps its own out, also when they are told late and together with others', () => {
      const { app, wire, up } = ride();
      wire.connect();
      wire.emit(sent(3), data(REPLY));
      app.next(data('1234'));
      wire.emit(sent(2), sent(4), sent(3), sent(2), sent(1));
      expect(inWords(up)).toEqual(['connected', 'sent 1', 'sent 2', 'sent 1']);
    });

    it('tells the bytes given, for every way they are told below', () => {
      for (let step = 1; step <= 20; step += 1) {
        const { app, wire, up } = through();
        app.next(data('123456789'));
        for (let left = 'hellothanks123456789'.length; left > 0; left -= step) wire.emit(sent(Math.min(step, left)));
        expect(sentOf(up), `${step} at a time`).toBe(9);
      }
    });
  });

  describe('timeout', () => {
    const timed = (
      timeouts: { handshake: number },
      deadline: number,
      work: (made: PluginDriver, scheduler: TestScheduler) => void,
    ): PluginDriver => {
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const made = ride({}, { dial: testDial({ layer: 'greet', scheduler, timeouts, deadline }) });
      work(made, scheduler);
      scheduler.flush();
      return made;
    };
    const at = (scheduler: TestScheduler, ms: number, work: () => void): void => void scheduler.schedule(work, ms);

    it('is counted in all, not per byte: ETOHANDSHAKE with the layer', () => {
      let end = 0;
      const { wire, state, error } = timed({ handshake: 200 }, 10_000, ({ wire }, scheduler) => {
        at(scheduler, 1000, () => wire.connect());
        for (let ms = 1050; ms < 3000; ms += 50) {
          at(scheduler, ms, () => {
            if (wire.freed) end ||= scheduler.now();
            else wire.emit(data(ms === 1050 ? '\x30' : 'x'));
          });
        }
      });
      expect(state).toBe('error');
      expect(error).toMatchObject({ code: 'ETOHANDSHAKE', errno: -10104, phase: 'handshake', layer: 'greet', fatal: true });
      expect((error as Error).message).toContain('within 200 ms');
      expect([wire.freed, end]).toEqual([true, 1250]);
    });

    it('is what is left of the deadline, when that is less', () => {
      const { error } = timed({ handshake: 200 }, 1100, ({ wire }, scheduler) => at(scheduler, 1000, () => wire.connect()));
      expect((error as Error).message).toContain('within 100 ms');
    });

    it('is at once when the deadline is over', () => {
      const { error } = timed({ handshake: 200 }, 900, ({ wire }, scheduler) => at(scheduler, 1000, () => wire.connect()));
      expect((error as Error).message).toContain('within 0 ms');
    });

    it('does not run before the wire is connected, nor after the talk is through', () => {
      expect(timed({ handshake: 200 }, 500, () => {}).state).toBe('open');
      const { state } = timed({ handshake: 200 }, 10_000, ({ wire }, scheduler) => {
        wire.connect();
        at(scheduler, 200, () => wire.emit(data(REPLY)));
      });
      expect(state).toBe('open');
    });

    it('is off at Infinity', () => {
      expect(timed({ handshake: Infinity }, Infinity, ({ wire }) => wire.connect()).state).toBe('open');
    });

    it('leaves no timer behind, however it ends', () => {
      for (const end of [
        (made: PluginDriver) => made.wire.emit(data(REPLY)),
        (made: PluginDriver) => made.wire.emit(END),
        (made: PluginDriver) => made.wire.fail(new Error('why')),
        (made: PluginDriver) => made.app.complete(),
        (made: PluginDriver) => made.app.error(new Error('why')),
        (made: PluginDriver) => made.unsubscribe(),
      ]) {
        const scheduler = new TestScheduler(() => {});
        const made = ride({}, { dial: testDial({ scheduler }) });
        made.wire.connect();
        end(made);
        expect(scheduler.actions.filter(({ closed }) => !closed)).toEqual([]);
      }
    });
  });

  describe('an EOF of the peer', () => {
    const whole = REPLY.length;

    it.each(Array.from({ length: whole }, (_, count) => count))('after %i bytes of the reply errors with the code asked for', (count) => {
      for (const end of [(made: PluginDriver) => made.wire.emit(END), (made: PluginDriver) => made.wire.complete()]) {
        const made = ride({ early: 'EPROXY' });
        made.wire.connect();
        if (count > 0) made.wire.emit(data(REPLY.slice(0, count)));
        end(made);
        expect(made.error).toMatchObject({ code: 'EPROXY', phase: 'handshake', layer: 'greet' });
        expect((made.error as Error).message).toContain(`unexpected EOF after ${count} bytes`);
        expect([made.up, made.wire.freed, made.app.observed]).toEqual([[], true, false]);
      }
    });

    it('is EPROTOCOL by default', () => {
      const made = ride();
      made.wire.connect();
      made.wire.emit(END);
      expect(made.error).toMatchObject({ code: 'EPROTOCOL' });
    });

    it('after the reply belongs to the layer above', () => {
      const { wire, up, state } = through();
      wire.emit(END);
      expect([inWords(up), state]).toEqual([['connected', 'end'], 'open']);
    });

    it('may be caught by the talk: connected, leftovers, end', () => {
      const { wire, up } = ride({
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
      const made = ride({
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
      const made = ride({ talk });
      made.wire.connect();
      made.wire.emit(data('few'));
      made.wire.fail(error);
      return made;
    };

    it.each(waits)('uncaught is that of the handshake, with the layer, while it waits for %s', (_, wait) => {
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
      expect((error as Error).message).toBe('greet: the connection broke before the handshake was through: read ECONNRESET');
      expect([log, up, wire.freed]).toEqual([[cause, 'finally'], [], true]);
      expect(cause).not.toHaveProperty('layer');
    });

    it('uncaught is what it is when it has a layer, or is no IOStreamError', () => {
      for (const error of [new IOStreamError('EPROXY', { phase: 'handshake', layer: 'proxy' }), new Error('why'), undefined])
        expect(failing(greet, error).error).toBe(error);
    });

    it.each(waits)('may be caught to throw a better one, while it waits for %s', (_, wait) => {
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
    ])('cannot be outlived: a talk that %s has failed all the same, and says no more', (_, then) => {
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

    it('by our own reset is not told to it: its finally blocks run, and the reason is what comes', () => {
      const log: string[] = [];
      const made = ride({
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

    it('made by the talk itself only lets its finally blocks run', () => {
      const log: string[] = [];
      const made: PluginDriver = ride({
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

  describe('a throw of the talk', () => {
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
    ])('%s errors with it as the cause, and frees the wire', (_, talk) => {
      const made = ride({ talk });
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
      const made = ride({
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
      const made = ride({
        *talk() {
          throw error;
        },
      });
      made.wire.connect();
      expect(made.error).toBe(error);
      expect(error.layer).toBe('greet');
    });

    it('sends nothing of what it said in that step', () => {
      const made = ride({
        *talk(link) {
          link.send('secret');
          boom();
        },
      });
      made.wire.connect();
      expect(made.wire.down).toEqual([]);
    });
  });

  describe('waiting for something else than bytes', () => {
    /** Reads two bytes, asks, says what it got, reads two more. */
    const asking = (answer: () => Observable<string>, more: Partial<HandshakeOptions> = {}): PluginDriver =>
      ride({
        *talk(link) {
          const head = latin(yield* link.read(2));
          link.send('asking');
          const got = yield* link.wait(answer);
          link.send(got);
          return { head, got, tail: latin(yield* link.read(2)) };
        },
        ...more,
      });

    it('says first what it had to say, and goes on with the first value; what came meanwhile is read then', () => {
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

    it('gives the same whatever the cut, with the answer after any chunk', () => {
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

    it('takes a promise and an iterable, too', async () => {
      const { wire, up } = ride({
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
      ['an error', () => throwError(() => new Error('locked')), { message: 'greet: locked' }],
      ['no value', () => EMPTY, { cause: { name: 'EmptyError' } }],
      ['a throw of what makes it', boom, { message: 'greet: boom' }],
      ['nothing that can be subscribed', (() => 7) as never, { cause: { name: 'TypeError' } }],
    ])('throws %s into the talk: uncaught, the stream errors and the wire is freed', (_, answer, facts) => {
      const made = asking(answer);
      made.wire.connect();
      made.wire.emit(data('ab'));
      expect(made.error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake', layer: 'greet', ...facts });
      expect([made.up, made.wire.freed]).toEqual([[], true]);
    });

    it('goes on when the talk catches that', () => {
      const { wire, up } = ride({
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
      const { wire, up, error } = ride({
        *talk(link) {
          for (let turn = 0; turn < 20_000; turn += 1) yield* link.wait(() => of(turn));
        },
      });
      wire.connect();
      expect([error, inWords(up)]).toEqual([undefined, ['connected']]);
    });

    it('learns of an EOF when it reads on; it need not', () => {
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

    it('errors at once when the wire fails or is gone, and leaves what it waited for', () => {
      for (const end of [(made: PluginDriver) => made.wire.fail(new Error('why')), (made: PluginDriver) => made.wire.complete()]) {
        const answer = new Subject<string>();
        const made = asking(() => answer);
        made.wire.connect();
        made.wire.emit(data('ab'));
        end(made);
        expect([made.state, answer.observed]).toEqual(['error', false]);
      }
    });

    it('is under the deadline of the handshake', () => {
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
    ])('is unsubscribed by %s, also by a synchronous one, and the talk runs its finally blocks', (_, leave) => {
      for (const inside of [false, true]) {
        const answer = new Subject<string>();
        const log: string[] = [];
        const made: PluginDriver = ride({
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

    it('is not asked for by a talk that has been left in the same step', () => {
      let asked = 0;
      const made: PluginDriver = ride({
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

    it('pauses a peer that gives more than 64 KiB meanwhile, resumes it with the answer, and keeps all', () => {
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

  describe('leaving', () => {
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
      'by %s %s lets the finally blocks run, and says no more',
      (how, when, leave, stage, flow) => {
        let finals = 0;
        const made = ride({
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

    it('by close while it hands down what was given, gives each thing once', () => {
      const { app, wire } = ride(
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

    it('by close once it is through still tells what was sent', () => {
      const { app, wire, up } = through();
      wire.emit(sent(11));
      app.next(data('1234'));
      app.complete();
      wire.emit(sent(4));
      expect(inWords(up)).toEqual(['connected', 'sent 4']);
    });

    it('by close from inside connected hands down what was given before', () => {
      const { wire } = ride(
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

    it('by reset from inside connected hands up no leftovers', () => {
      const { wire, up } = ride({}, { seen: (_, { app }) => app.error(new Error('enough')) });
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      expect([inWords(up), wire.freed]).toEqual([['connected'], true]);
    });

    it('from inside the talk itself ends it, without a throw', () => {
      const log: string[] = [];
      const made: PluginDriver = ride({
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

  describe('on a synchronous wire', () => {
    it('reads answers that come from inside next', () => {
      const { wire, up } = ride();
      const answers: Record<string, Up[]> = { 'data hello': [sent(5), data('\x03bob')], 'data thanks': [data(' ok\n+'), sent(6), END] };
      wire.answer = (signal) => wire.emit(...(answers[inWords([signal])[0] ?? ''] ?? []));
      wire.connect();
      expect(inWords(up)).toEqual(['connected', 'data +', 'end']);
    });

    it('does not deepen the stack: a talk of 20,000 turns', () => {
      const { wire, up, error } = ride({
        *talk(link) {
          for (let turn = 0; turn < 20_000; turn += 1) {
            link.send('?');
            yield* link.read(1);
          }
        },
      });
      wire.answer = () => wire.emit(data('!'));
      wire.connect();
      expect([error, inWords(up), wire.down.length]).toEqual([undefined, ['connected'], 20_000]);
    });

    it('keeps the order when the application writes from inside every signal', () => {
      const { wire, up } = ride(
        {},
        {
          seen: (signal, { app }) => {
            if (signal.kind === 'connected') for (const text of ['1', '2', '3']) app.next(data(text));
            else if (textOf([signal]) === 'left') app.next(data('4'));
          },
        },
      );
      wire.answer = (signal) => {
        if (/^\d$/.test(textOf([signal]))) wire.emit(data(`<${textOf([signal])}>`));
      };
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      wire.emit(data('later'));
      expect(textOf(wire.down)).toBe('hellothanks1234');
      expect(inWords(up)).toEqual(['connected', 'data left', 'data <1>', 'data <2>', 'data <3>', 'data <4>', 'data later']);
    });
  });

  it('stacks: each one talks through the one below', () => {
    const named = (name: string): ReturnType<typeof handshake> =>
      handshake({
        *talk(link) {
          link.send(`${name}?`);
          return { got: latin(yield* link.read(1)) };
        },
      });
    const { wire, up } = new PluginDriver((below) => named('near')(named('far')(below)));
    wire.connect();
    wire.emit(data('12left'));
    expect(inWords(wire.down)).toEqual(['data far?', 'data near?']);
    expect(detailsOf(up)).toMatchObject([{ got: '2' }, { got: '1' }, { wire: 'scripted' }]);
    expect(textOf(up)).toBe('left');
  });
});
