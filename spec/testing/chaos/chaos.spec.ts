import { EMPTY, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { chaos, checkPlugin, marbles, memoryPair, testDial, type ChaosOptions } from '../../../src/testing.ts';
import { Endpoint } from '../../../src/testing/rules/endpoint.ts';
import { pattern } from '../../../src/testing/bytes.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { turn } from '../../../src/testing/rules/event-loop.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { spec } from '../../support/spec.ts';
import { data, inWords, PluginDriver, textOf } from '../../support/scripted-wire.ts';
import { cipher, framed } from '../plugins.ts';

const harmless: Readonly<Record<string, ChaosOptions>> = {
  nothing: {},
  cut: { cut: 0.2 },
  'cut at each byte': { cut: 1 },
  delay: { delay: 5 },
  coalesce: { coalesce: 3 },
  partialWrite: { partialWrite: 3 },
  'all of them': { seed: 3, cut: 0.1, delay: 5, coalesce: 2, partialWrite: 100 },
};

/** What comes down of 40 bytes in 4 chunks, chunk by chunk. */
function pieces(plugin: Plugin): string[] {
  const ride = new PluginDriver(plugin);
  ride.wire.connect();
  for (let at = 0; at < 40; at += 10) ride.app.next(data('abcdefghij'));
  return inWords(ride.wire.down);
}

/** A connection of 8 blocks each way; what arrived, and how it ended. */
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
    spec(`keeps all rules of a plugin with ${name}`, async () => {
      (await checkPlugin(chaos(options), [])).assert();
    });
  }

  it('lies under a cipher and a framing without being seen', async () => {
    const stacked =
      (upper: Plugin): Plugin =>
      (wire) =>
        upper(chaos({ cut: 0.3, delay: 2 })(wire));
    (await checkPlugin(stacked(cipher()), cipher())).assert();
    (await checkPlugin(stacked(framed()), framed())).assert();
  });

  it('misbehaves the same with the same seed, at each connection, and otherwise with another', () => {
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

  it('cuts about as often as it is told, and at each byte when told so', () => {
    const cuts = pieces(chaos({ cut: 0.25 })).length;
    expect(cuts >= 8 && cuts <= 20, `${cuts} pieces of 40 bytes in 4 chunks`).toBe(true);
    expect(pieces(chaos({ cut: 1 })).length).toBe(40);
    expect(pieces(chaos()).length).toBe(4);
  });

  it('delays both ways on the clock of the dial, up to so many ms', () => {
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

  it('coalesces what comes within its time, and the end with it', () => {
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

  it('gives the wire a few bytes a tick, in order', async () => {
    const ride = new PluginDriver(chaos({ partialWrite: 3 }));
    ride.wire.connect();
    ride.app.next(data('abcdefghijklmnop'));
    expect(textOf(ride.wire.down).length).toBeLessThanOrEqual(3);
    await turn();
    expect(textOf(ride.wire.down)).toBe('abcdefghijklmnop');
    expect(ride.wire.down.every((signal) => signal.kind === 'data' && signal.bytes.length <= 3)).toBe(true);
    ride.unsubscribe();
  });

  it('pauses a sender when it holds 64 KiB, and lets it go on at half of it', () => {
    const ride = new PluginDriver(chaos({ coalesce: 1 }));
    ride.wire.connect();
    for (let round = 0; round < 4; round += 1) ride.app.next(data('x'.repeat(2 ** 14)));
    for (let round = 0; round < 4; round += 1) ride.wire.give(data('x'.repeat(2 ** 14)));
    expect(inWords(ride.up)).toStrictEqual(['connected', 'pause']);
    expect(inWords(ride.wire.down)).toStrictEqual(['pause']);
    ride.unsubscribe();
  });

  it('pauses once when both the wire and itself want it', () => {
    const ride = new PluginDriver(chaos());
    ride.wire.connect();
    ride.wire.give({ kind: 'pause' }, { kind: 'pause' });
    ride.app.next(data('held'));
    expect(inWords([...ride.up, ...ride.wire.down])).toStrictEqual(['connected', 'pause']);
    ride.wire.give({ kind: 'resume' });
    expect(inWords(ride.wire.down)).toStrictEqual(['data held']);
    ride.unsubscribe();
  });

  it('closes although the wire pauses meanwhile', async () => {
    const ride = new PluginDriver(chaos({ partialWrite: 3 }));
    ride.wire.connect();
    ride.app.next(data('abcdefghijklmnop'));
    ride.app.complete();
    ride.wire.give({ kind: 'pause' });
    await turn();
    expect([textOf(ride.wire.down), ride.wire.flow]).toStrictEqual(['abcdefghijklmnop', 'complete']);
    ride.unsubscribe();
  });

  it('drops pieces both ways, and tells that those down are sent', async () => {
    const bytes = pattern(10_000);
    const { app, far } = await transfer(chaos({ cut: 0.01, drop: 0.2 }), bytes);
    expect(app.sent).toBe(bytes.length);
    for (const { received } of [app, far]) expect(received > 6000 && received < 9500, `${received} bytes arrived`).toBe(true);
  });

  it('resets after so many bytes, both ways together', () => {
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

  it('resets by chance; the other end is reset too', async () => {
    const { app, far } = await transfer(chaos({ cut: 0.01, reset: 0.05 }), pattern(100_000));
    expect(app.is('error') && far.is('error')).toBe(true);
    const { code, phase } = app.error as { code: string; phase: string };
    expect([code, phase]).toStrictEqual(['ECONNRESET', 'read']);
    expect(app.received).toBeLessThan(100_000);
  });

  it('gives up all that the wire gave before its error', () => {
    marbles({
      plugin: chaos({ coalesce: 100 }),
      diagram: `
        wire:    Cab-#ECONNRESET
        to app:  C---(ab#ECONNRESET)
      `,
    });
  });

  it('gives up nothing more when the application resets', () => {
    const ride = new PluginDriver(chaos({ coalesce: 100 }));
    ride.wire.connect();
    ride.wire.give(data('ab'));
    ride.app.error(new Error('enough'));
    expect([inWords(ride.up), ride.state, ride.error]).toStrictEqual([['connected'], 'error', new Error('enough')]);
  });

  it('loses nothing with the smallest of chances', () => {
    for (const cut of [1e-17, Number.MIN_VALUE]) {
      const ride = new PluginDriver(chaos({ cut }));
      ride.wire.connect();
      ride.app.next(data('all of it'));
      expect(inWords(ride.wire.down), String(cut)).toStrictEqual(['data all of it']);
      ride.unsubscribe();
    }
  });

  it('refuses chances and sizes that are none', () => {
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

  it('passes on the error of a wire that fails before it takes anything', () => {
    const reason = new Error('no wire');
    const errors: unknown[] = [];
    EMPTY.pipe(chaos()(() => () => throwError(() => reason))(testDial())).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).toStrictEqual([reason]);
  });
});
