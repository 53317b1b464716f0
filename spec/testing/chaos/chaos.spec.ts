import { EMPTY, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { cipher, framed } from '../plugins.ts';
import { pattern } from '../../../src/testing/bytes.ts';
import { chaos, type ChaosOptions } from '../../../src/testing/chaos/chaos.ts';
import { marbles } from '../../../src/testing/marbles/marbles.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { Endpoint } from '../../../src/testing/rules/endpoint.ts';
import { turn } from '../../../src/testing/rules/event-loop.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { data, inWords, textOf } from '../../support/signal-text.ts';
import { spec } from '../../support/spec.ts';

const harmless: Readonly<Record<string, ChaosOptions>> = {
  nothing: {},
  cut: { cut: 0.2 },
  'cut at each byte': { cut: 1 },
  delay: { delay: 5 },
  coalesce: { coalesce: 3 },
  partialWrite: { partialWrite: 3 },
  'all of them': { seed: 3, cut: 0.1, delay: 5, coalesce: 2, partialWrite: 100 },
};

/** Writes 40 bytes in 4 chunks; returns the chunks that reach the wire. */
function pieces(plugin: Plugin): string[] {
  const driver = new PluginDriver(plugin);
  driver.wire.connect();
  for (let at = 0; at < 40; at += 10) driver.app.next(data('abcdefghij'));
  return inWords(driver.wire.down);
}

/** Transfers bytes in both directions until all have arrived or the connection has ended; returns both ends. */
async function transfer(plugin: Plugin, bytes: Uint8Array): Promise<{ app: Endpoint; far: Endpoint }> {
  const clock = new Clock();
  const [a, b] = memoryPair();
  const [app, far] = [new Endpoint(), new Endpoint()];
  far.onSignal = ({ kind }) => kind === 'connected' && far.write(bytes);
  app.onSignal = ({ kind }) => kind === 'connected' && app.write(bytes);
  far.dial(b, testDial({ scheduler: clock }));
  app.dial(plugin(a), testDial({ scheduler: clock }));
  for (let round = 0; round < 400 && !(app.isClosed || (app.received >= bytes.length && far.received >= bytes.length)); round += 1) {
    await turn();
    clock.advance(1);
  }
  app.unsubscribe();
  far.unsubscribe();
  return { app, far };
}

describe('chaos', () => {
  for (const [name, options] of Object.entries(harmless)) {
    spec(`chaos keeps all rules of a plugin with ${name}`, async () => {
      (await checkPlugin(chaos(options), [])).assert();
    });
  }

  it('keeps the rules below a cipher and a framing', async () => {
    const stacked =
      (upper: Plugin): Plugin =>
      (wire) =>
        upper(chaos({ cut: 0.3, delay: 2 })(wire));
    const options = { timeout: 20_000 }; // Bytes in small pieces take long on a busy machine.
    (await checkPlugin(stacked(cipher()), cipher(), options)).assert();
    (await checkPlugin(stacked(framed()), framed(), options)).assert();
  });

  it('repeats its faults with the same seed, at each connection, and differs with another seed', () => {
    const plugin = chaos({ seed: 4, cut: 0.2 });
    const first = pieces(plugin);
    expect(pieces(plugin)).toStrictEqual(first);
    expect(pieces(chaos({ seed: 4, cut: 0.2 }))).toStrictEqual(first);
    expect(pieces(chaos({ seed: 5, cut: 0.2 }))).not.toStrictEqual(first);
    let turns = 3;
    const each = chaos({ seed: () => (turns += 1), cut: 0.2 });
    expect(pieces(each)).toStrictEqual(first);
    expect(pieces(each)).not.toStrictEqual(first);
  });

  it('cuts with the probability `cut`, and before each byte if it is 1', () => {
    const cuts = pieces(chaos({ cut: 0.25 })).length;
    expect(cuts >= 8 && cuts <= 20, `${cuts} pieces of 40 bytes in 4 chunks`).toBe(true);
    expect(pieces(chaos({ cut: 1 })).length).toBe(40);
    expect(pieces(chaos()).length).toBe(4);
  });

  it('delays both directions on the scheduler of the dial, at most `delay` ms', () => {
    const { error } = marbles({
      plugin: chaos({ delay: 0 }),
      diagram: `
        app:     --a
        to wire: --a
        wire:    -C-b
        to app:  -C-b
      `,
    });
    expect(error).toBe(undefined);
    expect(() =>
      marbles({
        plugin: chaos({ delay: 10 }),
        diagram: `
            wire:    C--b----------------
            to app:  C--b----------------
          `,
      }),
    ).toThrow(
      expect.objectContaining({
        name: 'Error',
        message: expect.stringMatching(/^expected 'connected' at 0 ms to reach the application, got 'connected' at \d/),
      }),
    );
  });

  it('joins the chunks that arrive within `coalesce` ms, and keeps the end behind them', () => {
    marbles({
      plugin: chaos({ coalesce: 5 }),
      exact: true,
      values: { x: 'abc', y: 'd', z: 'uvw' },
      diagram: `
        app:     --abc-----d--E----
        to wire: -------x-------(yE)
        wire:    -Cuvw-------------
        to app:  -C-----z----------
      `,
    });
  });

  it('writes at most `partialWrite` bytes a tick, in order', async () => {
    const driver = new PluginDriver(chaos({ partialWrite: 3 }));
    driver.wire.connect();
    driver.app.next(data('abcdefghijklmnop'));
    expect(textOf(driver.wire.down).length).toBeLessThanOrEqual(3);
    await turn();
    expect(textOf(driver.wire.down)).toBe('abcdefghijklmnop');
    expect(driver.wire.down.every((signal) => signal.kind === 'data' && signal.bytes.length <= 3)).toBe(true);
    driver.unsubscribe();
  });

  it('pauses a sender when it has buffered 64 KiB', () => {
    const driver = new PluginDriver(chaos({ coalesce: 1 }));
    driver.wire.connect();
    for (let round = 0; round < 4; round += 1) driver.app.next(data('x'.repeat(2 ** 14)));
    for (let round = 0; round < 4; round += 1) driver.wire.emit(data('x'.repeat(2 ** 14)));
    expect(inWords(driver.up)).toStrictEqual(['connected', 'pause']);
    expect(inWords(driver.wire.down)).toStrictEqual(['pause']);
    driver.unsubscribe();
  });

  it('emits one pause if both the wire and chaos are full', () => {
    const driver = new PluginDriver(chaos());
    driver.wire.connect();
    driver.wire.emit({ kind: 'pause' }, { kind: 'pause' });
    driver.app.next(data('held'));
    expect(inWords([...driver.up, ...driver.wire.down])).toStrictEqual(['connected', 'pause']);
    driver.wire.emit({ kind: 'resume' });
    expect(inWords(driver.wire.down)).toStrictEqual(['data held']);
    driver.unsubscribe();
  });

  it('writes its buffer to a paused wire when it closes', async () => {
    const driver = new PluginDriver(chaos({ partialWrite: 3 }));
    driver.wire.connect();
    driver.app.next(data('abcdefghijklmnop'));
    driver.app.complete();
    driver.wire.emit({ kind: 'pause' });
    await turn();
    expect([textOf(driver.wire.down), driver.wire.flow]).toStrictEqual(['abcdefghijklmnop', 'complete']);
    driver.unsubscribe();
  });

  it('drops chunks in both directions, and counts dropped outbound bytes as sent', async () => {
    const bytes = pattern(10_000);
    const { app, far } = await transfer(chaos({ cut: 0.01, drop: 0.2 }), bytes);
    expect(app.sent).toBe(bytes.length);
    for (const { received } of [app, far]) expect(received > 6000 && received < 9500, `${received} bytes arrived`).toBe(true);
  });

  it('resets after `reset` bytes, counted over both directions', () => {
    marbles({
      plugin: chaos({ reset: 7 }),
      values: { x: 'abcde', y: 'fgh', z: 'fg' },
      diagram: `
        app:     --x----
        to wire: --x-#ECONNRESET
        wire:    -C--y--
        to app:  -C--(z#ECONNRESET)
      `,
    });
  });

  it('resets with the probability `reset`, and the other end is reset too', async () => {
    const { app, far } = await transfer(chaos({ cut: 0.01, reset: 0.05 }), pattern(100_000));
    expect(app.is('error') && far.is('error')).toBe(true);
    const { code, phase } = app.error as { code: string; phase: string };
    expect([code, phase]).toStrictEqual(['ECONNRESET', 'read']);
    expect(app.received).toBeLessThan(100_000);
  });

  it('emits all bytes read before an error of the wire', () => {
    marbles({
      plugin: chaos({ coalesce: 100 }),
      diagram: `
        wire:    Cab-#ECONNRESET
        to app:  C---(ab#ECONNRESET)
      `,
    });
  });

  it('emits nothing after the application has reset', () => {
    const driver = new PluginDriver(chaos({ coalesce: 100 }));
    driver.wire.connect();
    driver.wire.emit(data('ab'));
    driver.app.error(new Error('enough'));
    expect([inWords(driver.up), driver.state, driver.error]).toStrictEqual([['connected'], 'error', new Error('enough')]);
  });

  it('loses nothing with a probability near 0', () => {
    for (const cut of [1e-17, Number.MIN_VALUE]) {
      const driver = new PluginDriver(chaos({ cut }));
      driver.wire.connect();
      driver.app.next(data('all of it'));
      expect(inWords(driver.wire.down), String(cut)).toStrictEqual(['data all of it']);
      driver.unsubscribe();
    }
  });

  it('throws a TypeError for invalid probabilities and sizes', () => {
    const wrong: [ChaosOptions, RegExp][] = [
      [{ cut: 1.5 }, /expected `cut` to be a chance from 0 to 1, got 1.5/],
      [{ drop: NaN }, /expected `drop`/],
      [{ delay: -1 }, /expected `delay` to be a number from 0 on, got -1/],
      [{ partialWrite: 0 }, /expected `partialWrite` to be a number from 1 on, got 0/],
      [{ reset: Infinity }, /expected `reset`/],
      [{ reset: 1.5 }, /expected `reset` to be a chance below 1 or a whole number of bytes, got 1.5/],
    ];
    for (const [options, message] of wrong)
      expect(() => chaos(options)).toThrow(expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }));
  });

  it('passes on the error of a wire that fails before it subscribes to Flow', () => {
    const reason = new Error('no wire');
    const errors: unknown[] = [];
    EMPTY.pipe(chaos()(() => () => throwError(() => reason))(testDial())).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).toStrictEqual([reason]);
  });
});
