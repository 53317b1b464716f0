import { describe, expect, it } from 'vitest';
import { transform, type Transformer, type TransformOptions } from '../../src/layers/transform.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { chunksOf, cutPlans } from '../../src/testing/rechunk.ts';
import { checkPlugin } from '../../src/testing/rules/check-plugin.ts';
import { END, PAUSE, RESUME, type Up } from '../../src/wire/signal.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { data, inWords, sent, sentOf, textOf } from '../support/signal-text.ts';
import { framed } from '../testing/plugins.ts';
import { of, latin, boom, twice, swallow, half, blocks, drive } from './transform-tools.ts';

describe('transform', () => {
  it('passes all on without transformers', () => {
    const { app, wire, up } = drive({});
    for (const signal of [data('a'), PAUSE, RESUME, END]) app.next(signal);
    wire.emit(sent(1), data('b'), PAUSE, RESUME, { kind: 'end', truncated: true });
    expect(inWords(wire.down)).toEqual(['data a', 'pause', 'resume', 'end']);
    expect(inWords(up)).toEqual(['connected', 'sent 1', 'data b', 'pause', 'resume', 'end truncated']);
  });

  it('changes each direction with its own transformer', () => {
    const { app, wire, up } = drive({ down: blocks, up: twice });
    for (const text of ['ab', 'cdef', 'ghi']) app.next(data(text));
    wire.emit(data('x'));
    expect([inWords(wire.down), inWords(up)]).toEqual([
      ['data abcd', 'data efgh'],
      ['connected', 'data x', 'data x'],
    ]);
  });

  it('makes transformers for each subscription, and not before', () => {
    let made = 0;
    const plugin = transform({ down: () => ((made += 1), blocks()) });
    expect(made).toBe(0);
    const rides = [new PluginDriver(plugin), new PluginDriver(plugin)];
    for (const { app, wire } of rides) {
      wire.connect();
      app.next(data('abc'));
    }
    rides[0]?.app.next(data('d'));
    expect([made, rides.map(({ wire }) => textOf(wire.down))]).toEqual([2, ['abcd', '']]);
  });

  describe('sent, in the bytes of the application', () => {
    it.each<[string, () => Transformer, string[], number[], number[]]>([
      ['growing', twice, ['ab'], [1, 2, 1], [0, 0, 2]],
      ['growing, many', twice, ['ab', 'cde'], [4, 3, 3], [2, 0, 3]],
      ['growing, all at once', twice, ['ab', 'cde'], [10], [5]],
      ['shrinking', half, ['abcd', 'ef'], [2, 1], [4, 2]],
      ['held back', blocks, ['ab', 'cdef'], [4], [4]],
      ['held, then through', blocks, ['ab', 'cdef', 'gh'], [4, 4], [4, 4]],
      ['one byte at a time', blocks, ['abcdefgh'], [1, 1, 1, 1, 4], [0, 0, 0, 0, 8]],
    ])('%s', (_, down, texts, told, expected) => {
      const { app, wire, up } = drive({ down });
      for (const text of texts) app.next(data(text));
      const got = told.map((bytes) => {
        const before = sentOf(up);
        wire.emit(sent(bytes));
        return sentOf(up) - before;
      });
      expect(got).toEqual(expected);
    });

    it('reports bytes without output at once if nothing is before them, otherwise with the bytes before them', () => {
      const { app, up } = drive({ down: swallow });
      app.next(data('abc'));
      expect(inWords(up)).toEqual(['connected', 'sent 3']);

      let on = true;
      const mute = (): Transformer => ({ push: (bytes) => (on ? [bytes] : []) });
      const second = drive({ down: mute });
      second.app.next(data('abc'));
      on = false;
      second.app.next(data('de'));
      expect(sentOf(second.up)).toBe(0);
      second.wire.emit(sent(3));
      expect(inWords(second.up)).toEqual(['connected', 'sent 5']);
    });

    it('reports held bytes when the output that completes them is sent', () => {
      const { app, wire, up } = drive({ down: blocks });
      app.next(data('abcdef'));
      wire.emit(sent(4));
      expect(sentOf(up)).toBe(4);
      app.next(END);
      expect(inWords(wire.down)).toEqual(['data abcd', 'data ef..', 'end']);
      wire.emit(sent(3));
      expect(sentOf(up)).toBe(4);
      wire.emit(sent(1));
      expect(sentOf(up)).toBe(6);
    });

    it('asks what is held when the chunks have been made, also one by one', () => {
      const lazy = (): Transformer => {
        const { push, ...rest } = blocks();
        return {
          ...rest,
          *push(bytes) {
            yield* push(bytes);
          },
        };
      };
      const { app, wire, up } = drive({ down: lazy });
      app.next(data('abcdef'));
      expect(sentOf(up)).toBe(0);
      wire.emit(sent(4));
      expect(sentOf(up)).toBe(4);
    });

    it('counts a farewell for nothing', () => {
      const bye = (): Transformer => ({ push: (bytes) => [bytes], finish: () => [of('bye')] });
      const { app, wire, up } = drive({ down: bye });
      app.next(data('ab'));
      app.next(END);
      wire.emit(sent(1), sent(1), sent(3));
      expect([inWords(wire.down), sentOf(up)]).toEqual([['data ab', 'data bye', 'end'], 2]);
    });

    it('reaches the bytes given when, and only when, all have left: 60 random runs', () => {
      for (let seed = 1; seed <= 60; seed += 1) {
        const random = randomOf(seed);
        const odd = (): Transformer => {
          let held = 0;
          return {
            push: (bytes) => {
              // Holds some bytes, swallows some, makes chunks of any length of the rest.
              const through = Math.floor(random() * (held + bytes.length + 1));
              held += bytes.length - through;
              if (through === 0 || random() < 0.2) return [];
              return Array.from({ length: 1 + Math.floor(random() * 3) }, () => new Uint8Array(1 + Math.floor(random() * 50)));
            },
            finish: () => (random() < 0.5 ? [] : [new Uint8Array(5)]),
            held: () => held,
          };
        };
        const { app, wire, up } = drive({ down: odd });
        let given = 0;
        let told = 0;
        const made = (): number => wire.down.reduce((sum, signal) => sum + (signal.kind === 'data' ? signal.bytes.length : 0), 0);
        const tell = (most: number): void => {
          const bytes = Math.min(most, made() - told);
          told += bytes;
          if (bytes > 0) wire.emit(sent(bytes));
          expect(sentOf(up), `seed ${seed}`).toBeLessThanOrEqual(given);
        };
        for (let turn = 0; turn < 100; turn += 1) {
          const length = Math.floor(random() * 30);
          given += length;
          app.next({ kind: 'data', bytes: new Uint8Array(length) });
          if (random() < 0.5) tell(Math.floor(random() * 60));
        }
        app.next(END);
        if (made() > told) {
          tell(made() - told - 1);
          tell(1);
        }
        expect(sentOf(up), `seed ${seed}`).toBe(given);
      }
    });
  });

  describe('finish', () => {
    it('gives what is left before the end, both ways, once', () => {
      const { app, wire, up } = drive({ down: blocks, up: blocks });
      app.next(data('abcde'));
      app.next(END);
      app.complete();
      wire.emit(data('vwxyz'), END);
      expect(inWords(wire.down)).toEqual(['data abcd', 'data e...', 'end']);
      expect(inWords(up)).toEqual(['connected', 'data vwxy', 'data z...', 'end']);
    });

    it('gives what is left before the close', () => {
      const { app, wire } = drive({ down: blocks });
      app.next(data('abcde'));
      app.complete();
      expect([inWords(wire.down), wire.flow]).toEqual([['data abcd', 'data e...'], 'complete']);
    });

    it('gives nothing on a close before the wire is connected', () => {
      const bye = (): Transformer => ({ push: (bytes) => [bytes], finish: () => [of('bye')] });
      const made = new PluginDriver(transform({ down: bye }));
      made.app.complete();
      expect([made.wire.down, made.wire.flow]).toEqual([[], 'complete']);
    });

    it('is not called on reset and unsubscribe', () => {
      let finished = 0;
      const counting = (): Transformer => ({ push: (bytes) => [bytes], finish: () => ((finished += 1), []) });
      drive({ down: counting, up: counting }).app.error(new Error('why'));
      drive({ down: counting, up: counting }).unsubscribe();
      expect(finished).toBe(0);
    });
  });

  it.each<[string, TransformOptions, (made: PluginDriver) => void]>([
    ['down.push', { down: () => ({ push: boom }) }, ({ app }) => app.next(data('a'))],
    ['down.finish at the end', { down: () => ({ push: () => [], finish: boom }) }, ({ app }) => app.next(END)],
    ['down.finish at the close', { down: () => ({ push: () => [], finish: boom }) }, ({ app }) => app.complete()],
    ['up.push', { up: () => ({ push: boom }) }, ({ wire }) => wire.emit(data('a'))],
    [
      'up.push, in the middle',
      {
        up: () => ({
          *push() {
            yield of('x');
            boom();
          },
        }),
      },
      ({ wire }) => wire.emit(data('a')),
    ],
    ['up.finish: it was cut off', { up: () => ({ push: () => [], finish: boom }) }, ({ wire }) => wire.emit(END)],
  ])('errors with a throw of %s, and frees the wire', (_, options, work) => {
    const made = drive(options);
    work(made);
    expect(made).toMatchObject({ state: 'error', error: new Error('boom') });
    expect([made.wire.freed, made.app.observed, inWords(made.up).includes('end')]).toEqual([true, false, false]);
  });

  describe('re-entrancy', () => {
    it('keeps the order of what is written from inside next', () => {
      const { app, wire } = drive({ down: twice });
      let once = true;
      wire.answer = () => {
        if (!once) return;
        once = false;
        app.next(data('b'));
      };
      app.next(data('a'));
      expect(textOf(wire.down)).toBe('aabb');
    });

    it('keeps the order of what the wire answers from inside next', () => {
      const { app, wire, up } = drive({ up: twice }, { seen: (signal, { app }) => textOf([signal]) === 'a' && app.next(data('?')) });
      wire.answer = () => wire.emit(data('b'));
      wire.emit(data('a'), END);
      expect(app.observed).toBe(true);
      expect(textOf(up)).toBe('aabbbb');
      expect(inWords(up).at(-1)).toBe('end');
    });

    it('hands all down before the end when it is closed from inside next', () => {
      const { app, wire } = drive({ down: () => ({ ...twice(), finish: () => [of('!')] }) });
      wire.answer = () => app.complete();
      app.next(data('a'));
      expect([textOf(wire.down), wire.flow]).toEqual(['aa!', 'complete']);
    });

    it('stops making chunks when the subscriber leaves', () => {
      let made = 0;
      const bomb = (): Transformer => ({
        *push() {
          for (; made < 1000; made += 1) yield of('x');
        },
      });
      const { wire } = drive(
        { up: bomb },
        { seen: (signal, { app }) => signal.kind === 'data' && made === 2 && app.error(new Error('enough')) },
      );
      wire.emit(data('a'));
      expect(made).toBeLessThan(5);
    });
  });

  it('makes one piece after another on the way down, each when the one before has gone', () => {
    const story: string[] = [];
    const telling = (): Transformer => ({
      *push(bytes) {
        for (const each of ['1', '2']) {
          story.push(`made ${each}`);
          yield of(latin(bytes) + each);
        }
      },
    });
    const { app, wire } = drive({ down: telling });
    wire.answer = (signal) => {
      story.push(`gave ${textOf([signal])}`);
      if (textOf([signal]) === 'a1') app.next(data('b'));
    };
    app.next(data('a'));
    expect(story.join(', ')).toBe('made 1, gave a1, made 2, gave a2, made 1, gave b1, made 2, gave b2');
  });

  it('keeps the rules of a plugin', async () => {
    (await checkPlugin(framed(), framed())).assert();
  });

  it('is the same at every cut', () => {
    const whole = 'the quick brown fox';
    for (const plan of cutPlans(whole.length, { random: 50, empty: true })) {
      const { app, wire, up } = drive({ down: blocks, up: blocks });
      for (const bytes of chunksOf(of(whole), plan)) {
        app.next({ kind: 'data', bytes });
        wire.emit({ kind: 'data', bytes });
      }
      app.next(END);
      wire.emit(END);
      const signals: Up[] = [...wire.down];
      expect([textOf(signals), textOf(up)], plan.name).toEqual([`${whole}.`, `${whole}.`]);
    }
  });

  it('does not change the chunks it is given', () => {
    const bytes = of('abc');
    const { app, wire } = drive({ down: twice, up: blocks });
    app.next({ kind: 'data', bytes });
    wire.emit({ kind: 'data', bytes });
    expect(latin(bytes)).toBe('abc');
  });
});
