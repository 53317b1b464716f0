import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { transform, type Transformer, type TransformOptions } from '../../src/layers/transform.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { checkPlugin } from '../../src/testing/rules/check-plugin.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { chunksOf, cutPlans } from '../../src/testing/rechunk.ts';
import { END, PAUSE, RESUME, type Up } from '../../src/wire/signal.ts';
import { framed } from '../testing/plugins.ts';
import { spec } from '../support/spec.ts';
import { data, inWords, sent, sentOf, textOf } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

const of = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const boom = (): never => {
  throw new Error('boom');
};

const twice = (): Transformer => ({ push: (bytes) => [bytes, bytes] });
const swallow = (): Transformer => ({ push: () => [] });
const half = (): Transformer => ({ push: (bytes) => [bytes.subarray(0, bytes.length >> 1)] });
/** Gives blocks of four, holds the rest, pads the last one. */
const blocks = (): Transformer => {
  let rest = '';
  return {
    push: (bytes) => {
      rest += latin(bytes);
      const whole = rest.match(/.{4}/gs) ?? [];
      rest = rest.slice(whole.length * 4);
      return whole.map(of);
    },
    finish: () => (rest ? [of(rest.padEnd(4, '.'))] : []),
    held: () => rest.length,
  };
};

const ride = (options: TransformOptions, more: ConstructorParameters<typeof PluginDriver>[1] = {}): PluginDriver => {
  const made = new PluginDriver(transform(options), more);
  made.wire.connect();
  return made;
};

describe('transform', () => {
  it('passes all on without transformers', () => {
    const { app, wire, up } = ride({});
    for (const signal of [data('a'), PAUSE, RESUME, END]) app.next(signal);
    wire.emit(sent(1), data('b'), PAUSE, RESUME, { kind: 'end', truncated: true });
    expect(inWords(wire.down)).toEqual(['data a', 'pause', 'resume', 'end']);
    expect(inWords(up)).toEqual(['connected', 'sent 1', 'data b', 'pause', 'resume', 'end truncated']);
  });

  it('changes each direction with its own transformer', () => {
    const { app, wire, up } = ride({ down: blocks, up: twice });
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
      const { app, wire, up } = ride({ down });
      for (const text of texts) app.next(data(text));
      const got = told.map((bytes) => {
        const before = sentOf(up);
        wire.emit(sent(bytes));
        return sentOf(up) - before;
      });
      expect(got).toEqual(expected);
    });

    it('tells swallowed bytes at once when nothing is before them, else with what is', () => {
      const { app, up } = ride({ down: swallow });
      app.next(data('abc'));
      expect(inWords(up)).toEqual(['connected', 'sent 3']);

      let on = true;
      const mute = (): Transformer => ({ push: (bytes) => (on ? [bytes] : []) });
      const second = ride({ down: mute });
      second.app.next(data('abc'));
      on = false;
      second.app.next(data('de'));
      expect(sentOf(second.up)).toBe(0);
      second.wire.emit(sent(3));
      expect(inWords(second.up)).toEqual(['connected', 'sent 5']);
    });

    it('tells held bytes when what finishes them has left', () => {
      const { app, wire, up } = ride({ down: blocks });
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
      const { app, wire, up } = ride({ down: lazy });
      app.next(data('abcdef'));
      expect(sentOf(up)).toBe(0);
      wire.emit(sent(4));
      expect(sentOf(up)).toBe(4);
    });

    it('counts a farewell for nothing', () => {
      const bye = (): Transformer => ({ push: (bytes) => [bytes], finish: () => [of('bye')] });
      const { app, wire, up } = ride({ down: bye });
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
        const { app, wire, up } = ride({ down: odd });
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
      const { app, wire, up } = ride({ down: blocks, up: blocks });
      app.next(data('abcde'));
      app.next(END);
      app.complete();
      wire.emit(data('vwxyz'), END);
      expect(inWords(wire.down)).toEqual(['data abcd', 'data e...', 'end']);
      expect(inWords(up)).toEqual(['connected', 'data vwxy', 'data z...', 'end']);
    });

    it('gives what is left before the close', () => {
      const { app, wire } = ride({ down: blocks });
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
      ride({ down: counting, up: counting }).app.error(new Error('why'));
      ride({ down: counting, up: counting }).unsubscribe();
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
    const made = ride(options);
    work(made);
    expect(made).toMatchObject({ state: 'error', error: new Error('boom') });
    expect([made.wire.freed, made.app.observed, inWords(made.up).includes('end')]).toEqual([true, false, false]);
  });

  describe('re-entrancy', () => {
    it('keeps the order of what is written from inside next', () => {
      const { app, wire } = ride({ down: twice });
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
      const { app, wire, up } = ride({ up: twice }, { seen: (signal, { app }) => textOf([signal]) === 'a' && app.next(data('?')) });
      wire.answer = () => wire.emit(data('b'));
      wire.emit(data('a'), END);
      expect(app.observed).toBe(true);
      expect(textOf(up)).toBe('aabbbb');
      expect(inWords(up).at(-1)).toBe('end');
    });

    it('hands all down before the end when it is closed from inside next', () => {
      const { app, wire } = ride({ down: () => ({ ...twice(), finish: () => [of('!')] }) });
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
      const { wire } = ride(
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
    const { app, wire } = ride({ down: telling });
    wire.answer = (signal) => {
      story.push(`gave ${textOf([signal])}`);
      if (textOf([signal]) === 'a1') app.next(data('b'));
    };
    app.next(data('a'));
    expect(story.join(', ')).toBe('made 1, gave a1, made 2, gave a2, made 1, gave b1, made 2, gave b2');
  });

  describe('while the application has paused', () => {
    /** Makes so many pieces of each chunk; says how many, and whether it was returned. */
    const bomb = (size: number) => {
      const seen = { made: 0, returned: 0 };
      const up = (): Transformer => ({
        *push(bytes) {
          try {
            for (let at = 0; at < size; at += 1) {
              seen.made += 1;
              yield of(`${latin(bytes)}${at} `);
            }
          } finally {
            seen.returned += 1;
          }
        },
        finish: () => [of('bye')],
      });
      return { seen, up };
    };
    const pausing = (at: string) => ({
      seen: (signal: Up, { app }: PluginDriver) => {
        if (textOf([signal]) === at) app.next(PAUSE);
      },
    });

    it('makes no more, and goes on where it was: first what waits, then the wire is resumed', () => {
      const { seen, up: maker } = bomb(1000);
      const { app, wire, up } = ride({ up: maker }, pausing('a2 '));
      wire.emit(data('a'), data('b'));
      expect([textOf(up), seen.made, inWords(wire.down)]).toEqual(['a0 a1 a2 ', 4, ['pause']]);
      app.next(RESUME);
      expect([up.length, seen.made, inWords(wire.down)]).toEqual([2001, 2000, ['pause', 'resume']]);
      expect(inWords(up).at(-1)).toBe('data b999 ');
    });

    it('tells the wire nothing when it is paused again before all went up', () => {
      const { up: maker } = bomb(3);
      const { app, wire, up } = ride({ up: maker }, pausing('b0 '));
      app.next(PAUSE);
      wire.emit(data('a'), data('b'));
      expect(textOf(up)).toBe('');
      app.next(RESUME);
      expect([textOf(up), inWords(wire.down)]).toEqual(['a0 a1 a2 b0 ', ['pause']]);
      app.next(RESUME);
      expect([textOf(up), inWords(wire.down)]).toEqual(['a0 a1 a2 b0 b1 b2 ', ['pause', 'resume']]);
    });

    it('does not deepen the stack when it is paused and resumed at each piece', () => {
      const { up: maker } = bomb(20_000);
      const { wire, up } = ride(
        { up: maker },
        {
          seen: (signal, { app }) => {
            if (signal.kind !== 'data') return;
            app.next(PAUSE);
            app.next(RESUME);
          },
        },
      );
      wire.emit(data('a'));
      expect(up).toHaveLength(20_001);
      expect(inWords(wire.down.slice(-1))).toEqual(['resume']);
    });

    it.each<[string, (made: PluginDriver) => void, string]>([
      ['the end', () => {}, 'open'],
      ['completion', ({ wire }) => wire.complete(), 'complete'],
      ['an error', ({ wire }) => wire.fail(new Error('reset')), 'error'],
    ])('keeps %s of the wire behind what waits', (_, happens, state) => {
      const { up: maker } = bomb(3);
      const made = ride({ up: maker }, pausing('a0 '));
      made.wire.emit(data('a'), END);
      happens(made);
      expect([textOf(made.up), inWords(made.up).includes('end'), made.state]).toEqual(['a0 ', false, 'open']);
      made.app.next(RESUME);
      expect([textOf(made.up), inWords(made.up).at(-1), made.state]).toEqual(['a0 a1 a2 bye', 'end', state]);
      if (state === 'error') expect(made.error).toEqual(new Error('reset'));
    });

    it('tells an error of the wire at once when nothing waits', () => {
      const made = ride({ up: bomb(3).up }, pausing('a2 '));
      made.wire.emit(data('a'));
      made.wire.fail(new Error('reset'));
      expect([textOf(made.up), made.state]).toEqual(['a0 a1 a2 ', 'error']);
    });

    it.each<[string, (made: PluginDriver) => void, string, string]>([
      ['close', ({ app }) => app.complete(), 'open', 'complete'],
      ['reset', ({ app }) => app.error(new Error('why')), 'error', 'error'],
      ['unsubscribe', (made) => made.unsubscribe(), 'unsubscribed', 'unsubscribed'],
    ])('drops what waits on %s, and returns what was left half way', (_, leaves, state, flow) => {
      for (const gone of [false, true]) {
        const { seen, up: maker } = bomb(1000);
        const made = ride({ up: maker }, pausing('a0 '));
        made.wire.emit(data('a'), data('b'));
        if (gone) made.wire.complete();
        leaves(made);
        expect([textOf(made.up), seen]).toEqual(['a0 ', { made: 2, returned: 1 }]);
        expect(made.state).toBe(gone && state === 'open' ? 'complete' : state);
        if (gone) continue;
        expect(made.wire.flow).toBe(flow);
        made.wire.emit(data('c'));
        expect(textOf(made.up)).toBe('a0 ');
        made.wire.complete();
        expect(made.state).toBe(state === 'open' ? 'complete' : state);
      }
    });

    it('returns a generator on the way down, too, when the subscriber leaves', () => {
      const { seen, up: maker } = bomb(1000);
      const made = ride({ down: maker });
      made.wire.answer = (signal) => textOf([signal]) === 'a1 ' && made.unsubscribe();
      made.app.next(data('a'));
      expect(seen).toEqual({ made: 2, returned: 1 });
    });

    it('returns one that frees the stream itself', () => {
      const frees: { now?: () => void } = {};
      const seen = { made: 0, returned: 0 };
      const made = ride({
        up: () => ({
          *push() {
            try {
              for (; seen.made < 1000; seen.made += 1) {
                if (seen.made === 1) frees.now?.();
                yield of('x');
              }
            } finally {
              seen.returned += 1;
            }
          },
        }),
      });
      frees.now = () => made.unsubscribe();
      made.wire.emit(data('a'));
      expect([textOf(made.up), seen]).toEqual(['x', { made: 1, returned: 1 }]);
    });

    spec('holds little of what the peer has blown up', async (h) => {
      const MiB = 2 ** 20;
      let made = 0;
      const up = (): Transformer => ({
        *push() {
          for (let at = 0; at < 3000; at += 1, made += 65_536) yield new Uint8Array(65_536);
        },
      });
      const [near, far] = memoryPair();
      const io = new IOStream({ wire: near, plugin: { blown: transform({ up }) }, highWaterMark: 65_536 });
      const peer = new IOStream({ wire: far });
      h.defer(() => io.reset());
      h.defer(() => peer.reset());
      h.observed(
        io.consume(() => NEVER),
        'the reader',
      );
      peer.end('x');
      await h.until(() => made > 0);
      await new Promise((resolve) => setImmediate(resolve));
      expect([made < MiB, io.inBytes < MiB]).toEqual([true, true]);
      io.close();
    });
  });

  it('keeps the rules of a plugin', async () => {
    (await checkPlugin(framed(), framed())).assert();
  });

  it('is the same at every cut', () => {
    const whole = 'the quick brown fox';
    for (const plan of cutPlans(whole.length, { random: 50, empty: true })) {
      const { app, wire, up } = ride({ down: blocks, up: blocks });
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
    const { app, wire } = ride({ down: twice, up: blocks });
    app.next({ kind: 'data', bytes });
    wire.emit({ kind: 'data', bytes });
    expect(latin(bytes)).toBe('abc');
  });
});
