import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { transform, type Transformer } from '../../src/layers/transform.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { END, PAUSE, RESUME, type Up } from '../../src/wire/signal.ts';
import { spec } from '../support/spec.ts';
import { data, inWords, textOf } from '../support/signal-text.ts';
import type { PluginDriver } from '../support/plugin-driver.ts';
import { of, latin, drive } from './transform-tools.ts';

describe('transform', () => {
  describe('while the application has paused', () => {
    /** Creates a number of pieces of each chunk. Counts them, and records whether it was returned. */
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
      const { app, wire, up } = drive({ up: maker }, pausing('a2 '));
      wire.emit(data('a'), data('b'));
      expect([textOf(up), seen.made, inWords(wire.down)]).toEqual(['a0 a1 a2 ', 4, ['pause']]);
      app.next(RESUME);
      expect([up.length, seen.made, inWords(wire.down)]).toEqual([2001, 2000, ['pause', 'resume']]);
      expect(inWords(up).at(-1)).toBe('data b999 ');
    });

    it('sends nothing to the wire if it is paused again before the queue is empty', () => {
      const { up: maker } = bomb(3);
      const { app, wire, up } = drive({ up: maker }, pausing('b0 '));
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
      const { wire, up } = drive(
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
      const made = drive({ up: maker }, pausing('a0 '));
      made.wire.emit(data('a'), END);
      happens(made);
      expect([textOf(made.up), inWords(made.up).includes('end'), made.state]).toEqual(['a0 ', false, 'open']);
      made.app.next(RESUME);
      expect([textOf(made.up), inWords(made.up).at(-1), made.state]).toEqual(['a0 a1 a2 bye', 'end', state]);
      if (state === 'error') expect(made.error).toEqual(new Error('reset'));
    });

    it('reports an error of the wire at once if the queue is empty', () => {
      const made = drive({ up: bomb(3).up }, pausing('a2 '));
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
        const made = drive({ up: maker }, pausing('a0 '));
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
      const made = drive({ down: maker });
      made.wire.answer = (signal) => textOf([signal]) === 'a1 ' && made.unsubscribe();
      made.app.next(data('a'));
      expect(seen).toEqual({ made: 2, returned: 1 });
    });

    it('returns one that frees the stream itself', () => {
      const frees: { now?: () => void } = {};
      const seen = { made: 0, returned: 0 };
      const made = drive({
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

    it('lets a generator unsubscribe its own stream without an error', () => {
      let result = 'not called';
      const made: PluginDriver = drive({
        up: () => ({
          *push(): Generator<Uint8Array, void> {
            try {
              made.unsubscribe();
              result = 'no error';
            } catch (error) {
              result = String(error);
            }
            yield of('x');
          },
        }),
      });
      made.wire.emit(data('a'));
      expect([result, textOf(made.up)]).toEqual(['no error', '']);
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
});
