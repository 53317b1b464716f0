/* eslint-disable require-yield -- a talk may have nothing to read */
import { NEVER } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { handshake, type HandshakeOptions } from '../../src/layers/handshake.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME, type Up } from '../../src/wire/signal.ts';
import { data, inWords, sent, sentOf, textOf } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { latin, detailsOf, greet, REPLY, drive, through } from './handshake-tools.ts';

describe('handshake', () => {
  it('refuses no options at all', () => {
    expect(() => handshake(undefined as never)).toThrow('expected an object of options for handshake, got undefined');
  });

  it.each([{}, { talk: 'secret' }, { talk: [] }])('refuses %j at the call', (options) => {
    expect(() => handshake(options as HandshakeOptions)).toThrow(TypeError);
    expect(() => handshake(options as HandshakeOptions)).toThrow('expected `talk` of handshake to be a generator function, got ');
    expect(() => handshake(options as HandshakeOptions)).not.toThrow('secret');
  });

  it('sends nothing before the wire below is connected', () => {
    const { wire, up } = drive();
    expect([wire.down, up]).toEqual([[], []]);
  });

  it('runs the conversation, then emits its details before those of the layers below', () => {
    const { wire, up } = through();
    expect(inWords(wire.down)).toEqual(['data hello', 'data thanks']);
    expect(up).toEqual([{ kind: 'connected', details: [{ layer: 'greet', name: 'bob', line: ' ok\n' }, { wire: 'scripted' }] }]);
  });

  it('is connected at once if the conversation sends and reads nothing', () => {
    const { wire, up } = drive({ *talk() {} });
    wire.connect();
    expect([inWords(wire.down), up]).toEqual([[], [{ kind: 'connected', details: [{ layer: 'greet' }, { wire: 'scripted' }] }]]);
  });

  it('passes bytes and all other signals both ways after the handshake', () => {
    const { app, wire, up } = through();
    for (const signal of [data('a'), PAUSE, RESUME, END]) app.next(signal);
    wire.emit(data('b'), PAUSE, RESUME, { kind: 'end', truncated: true });
    expect(inWords(wire.down).slice(2)).toEqual(['data a', 'pause', 'resume', 'end']);
    expect(inWords(up).slice(1)).toEqual(['data b', 'pause', 'resume', 'end truncated']);
  });

  it('runs a separate conversation for each subscription', () => {
    const plugin = handshake({ talk: greet });
    const rides = [new PluginDriver(plugin), new PluginDriver(plugin)];
    for (const { wire } of rides) wire.connect();
    rides[0]?.wire.emit(data('\x01'));
    rides[1]?.wire.emit(data(REPLY));
    rides[0]?.wire.emit(data('x\n'));
    expect(rides.map(({ up }) => detailsOf(up)[0])).toMatchObject([{ name: 'x' }, { name: 'bob' }]);
  });

  describe('its target', () => {
    it('is dialled unchanged without `to`, and passed to the conversation', () => {
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

    it('is passed to the conversation if `to` is dialled instead; `resolved` of that address is not passed on', () => {
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

    it('is required if `to` is dialled instead: the dial throws without it', () => {
      const plugin = handshake({ to: { host: 'proxy', port: 2 }, *talk() {} });
      expect(() => plugin(() => () => NEVER)(testDial())).toThrow(TypeError);
      expect(() => plugin(() => () => NEVER)(testDial())).toThrow('{fh} already connected');
    });
  });

  describe('leftovers', () => {
    it('reach the layer above, in order, wherever reply and payload are cut', () => {
      for (const { name, chunks } of rechunk(`${REPLY}payload`, { random: 100, empty: true })) {
        const { wire, up } = drive();
        wire.connect();
        for (const bytes of chunks) wire.emit({ kind: 'data', bytes });
        expect([inWords(up)[0], textOf(up), inWords(wire.down)], name).toEqual(['connected', 'payload', ['data hello', 'data thanks']]);
      }
    });

    it('reach the layer above even if it pauses', () => {
      const { app, wire, up } = drive();
      app.next(PAUSE);
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      expect([inWords(up), inWords(wire.down)]).toEqual([
        ['connected', 'data left'],
        ['data hello', 'data thanks', 'pause'],
      ]);
    });

    it('come before the answers of the wire from inside next, and before the end', () => {
      const { wire, up } = drive({}, { seen: (signal, { app }) => signal.kind === 'connected' && app.next(data('ping')) });
      wire.answer = (signal) => inWords([signal])[0] === 'data ping' && wire.emit(data('pong'), END);
      wire.connect();
      wire.emit(data(`${REPLY}left`));
      expect(inWords(up)).toEqual(['connected', 'data left', 'data pong', 'end']);
    });

    it('come before an end that came with the last reply', () => {
      const { wire, up } = drive({
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
    it('from above are held during the handshake, and only the last is passed on', () => {
      const kept = (...signals: readonly (typeof PAUSE | typeof RESUME)[]): string[] => {
        const { app, wire } = drive();
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

    it('from below are passed on at any time', () => {
      const { wire, up } = drive();
      wire.emit(PAUSE);
      wire.connect();
      wire.emit(RESUME, PAUSE, data(REPLY));
      expect(inWords(up)).toEqual(['pause', 'resume', 'pause', 'connected']);
    });
  });

  describe('sent', () => {
    it('excludes bytes of the handshake, also if they are reported late and together with others', () => {
      const { app, wire, up } = drive();
      wire.connect();
      wire.emit(sent(3), data(REPLY));
      app.next(data('1234'));
      wire.emit(sent(2), sent(4), sent(3), sent(2), sent(1));
      expect(inWords(up)).toEqual(['connected', 'sent 1', 'sent 2', 'sent 1']);
    });

    it('counts the bytes of the application, however the wire reports them', () => {
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
      const made = drive({}, { dial: testDial({ layer: 'greet', scheduler, timeouts, deadline }) });
      work(made, scheduler);
      scheduler.flush();
      return made;
    };
    const at = (scheduler: TestScheduler, ms: number, work: () => void): void => void scheduler.schedule(work, ms);

    it('limits the whole handshake, not each read: ETOHANDSHAKE with the layer', () => {
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

    it('is the time until the deadline, if that is shorter', () => {
      const { error } = timed({ handshake: 200 }, 1100, ({ wire }, scheduler) => at(scheduler, 1000, () => wire.connect()));
      expect((error as Error).message).toContain('within 100 ms');
    });

    it('is zero after the deadline', () => {
      const { error } = timed({ handshake: 200 }, 900, ({ wire }, scheduler) => at(scheduler, 1000, () => wire.connect()));
      expect((error as Error).message).toContain('within 0 ms');
    });

    it('does not run before the wire is connected, nor after the handshake', () => {
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

    it('leaves no timer behind, however the handshake ends', () => {
      for (const end of [
        (made: PluginDriver) => made.wire.emit(data(REPLY)),
        (made: PluginDriver) => made.wire.emit(END),
        (made: PluginDriver) => made.wire.fail(new Error('why')),
        (made: PluginDriver) => made.app.complete(),
        (made: PluginDriver) => made.app.error(new Error('why')),
        (made: PluginDriver) => made.unsubscribe(),
      ]) {
        const scheduler = new TestScheduler(() => {});
        const made = drive({}, { dial: testDial({ scheduler }) });
        made.wire.connect();
        end(made);
        expect(scheduler.actions.filter(({ closed }) => !closed)).toEqual([]);
      }
    });
  });

  describe('on a synchronous wire', () => {
    it('reads answers that arrive from inside next', () => {
      const { wire, up } = drive();
      const answers: Record<string, Up[]> = { 'data hello': [sent(5), data('\x03bob')], 'data thanks': [data(' ok\n+'), sent(6), END] };
      wire.answer = (signal) => wire.emit(...(answers[inWords([signal])[0] ?? ''] ?? []));
      wire.connect();
      expect(inWords(up)).toEqual(['connected', 'data +', 'end']);
    });

    it('does not deepen the stack in a conversation of 20,000 turns', () => {
      const { wire, up, error } = drive({
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

    it('keeps the order if the application writes from inside every signal', () => {
      const { wire, up } = drive(
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

  it('can be stacked: each conversation runs through the layer below', () => {
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
