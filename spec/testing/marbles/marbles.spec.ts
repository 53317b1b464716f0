import { interval, map, merge, NEVER, Observable, takeUntil, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { cipher, framed } from '../plugins.ts';
import { handshake } from '../../../src/layers/handshake.ts';
import { passthrough } from '../../../src/plugins/passthrough.ts';
import { readDiagram } from '../../../src/testing/marbles/diagram.ts';
import { marbles, type MarbleTest } from '../../../src/testing/marbles/marbles.ts';
import type { MarbleFailure } from '../../../src/testing/marbles/timelines.ts';
import { readValues } from '../../../src/testing/marbles/values.ts';
import { randomOf } from '../../../src/testing/random-of.ts';
import type { Plugin } from '../../../src/wire/signal.ts';

const knock = handshake({
  *talk(link) {
    link.send('KNOCK\n');
    return { line: new TextDecoder().decode(yield* link.readUntil('\n', 16)) };
  },
});
const values = { k: 'KNOCK\n', w: 'COME IN\n', h: 'hello' };

/** The message of a failing marble test. */
function failure(test: MarbleTest): string {
  try {
    marbles(test);
  } catch (error) {
    expect((error as Error).constructor).toBe(Error);
    return (error as Error).message;
  }
  return expect.unreachable('it passed');
}

/** The lines of a drawing, from column 0. */
const drawn = (text: string): string =>
  text
    .split('\n')
    .slice(1, -1)
    .map((line) => line.slice(6))
    .join('\n');

describe('marbles', () => {
  it('tests a handshake: its bytes, the pending data, and the leftovers', () => {
    const { details, error } = marbles({
      plugin: knock,
      values,
      diagram: `
        app:      --h-----E---
        to wire:  -k-h----E---
        wire:     -C-(wb)--E--
        to app:   ---(Cb)--E--
      `,
    });
    expect(details[0]?.line).toBe('COME IN\n');
    expect(error).toBe(undefined);
  });

  it('compares changed bytes, written as hex, text or bytes', () => {
    marbles({
      plugin: framed(),
      values: { h: 'hi', f: '0x02 68 69', g: Uint8Array.of(1, 0xff), b: '0xFF' },
      diagram: `
        app:      ---h----
        to wire:  ---f----
        wire:     -C---g--
        to app:   -C---b--
      `,
    });
  });

  it('plays every signal in both directions', () => {
    marbles({
      plugin: passthrough(),
      values: { 2: 2 },
      diagram: `
        app:      --P---(abc)-U-T-|-------
        to wire:  --P---(abc)-U-T-|-------
        wire:     RC--P-U--------2-S--E--|
        to app:   RC--P-U--------2-S--E--|
      `,
    });
  });

  it('uses a letter without a value as its own byte', () => {
    marbles({ plugin: passthrough(), values: { b: 'x' }, diagram: 'wire: Ca-é\nto app: Ca-é' });
    expect(failure({ plugin: passthrough(), values: { b: 'a' }, diagram: 'wire: Cb\nto app: Cx' })).toMatch(/got data <61> at 1 ms/);
  });

  it('runs deadlines, delays and ticks in virtual time', () => {
    const { error } = marbles({
      plugin: knock,
      timeouts: { handshake: 30_000 },
      values,
      diagram: `
        to wire:  -k 29999ms !---
        wire:     -C 30s ----
        to app:   -- 29999ms #ETOHANDSHAKE
      `,
    });
    expect(String(error)).toMatch(/within 30000 ms/);
    const late: Plugin = (wire) => (dial) => (flow$) =>
      merge(flow$.pipe(wire(dial)), timer(3).pipe(map(() => ({ kind: 'data', bytes: Uint8Array.of(0x61) }) as const)));
    marbles({ plugin: late, diagram: 'wire: C----\nto app: C--a-' });
  });

  it('ends with its longest line, also if the plugin never ends', () => {
    const beats = interval(2).pipe(map(() => ({ kind: 'data', bytes: Uint8Array.of(0x61) }) as const));
    const heart: Plugin = (wire) => (dial) => (flow$) => merge(flow$.pipe(wire(dial)), beats.pipe(takeUntil(NEVER)));
    marbles({ plugin: heart, diagram: 'wire: C\nto app: C-a-a' });
  });

  it('compares unsubscriptions, and finds a missing one', () => {
    marbles({ plugin: passthrough(), diagram: 'app: ^--!--\nto wire: ---!--\nwire: -C--a-\nto app: -C----' });
    marbles({ plugin: passthrough(), diagram: 'app: --^-!\nto wire: ----!\nto app: -----' });
    const lazy: Plugin = (wire) => (dial) => (flow$) =>
      new Observable((up) => void flow$.pipe(wire(dial)).subscribe({ next: (s) => up.next(s) }));
    expect(failure({ plugin: lazy, diagram: 'app: ^--!--\nto wire: ---!--' })).toMatch(
      /^expected an unsubscription at 3 ms to reach the wire, got nothing\n/,
    );
  });

  it('finds a wire that is dialled late or twice', () => {
    const late: Plugin = (wire) => (dial) => (flow$) =>
      new Observable((up) => up.add(dial.scheduler.schedule(() => flow$.pipe(wire(dial)).subscribe(up), 3)));
    marbles({ plugin: late, diagram: 'app: ab-c\nto wire: ---(^abc)\nwire: ----C\nto app: ----C' });
    expect(failure({ plugin: late, diagram: 'to wire: ------' })).toMatch(/expected nothing more .*, got a subscription at 3 ms/);
    const twice: Plugin = (wire) => (dial) => (flow$) => merge(flow$.pipe(wire(dial)), flow$.pipe(wire(dial)));
    expect(failure({ plugin: twice, diagram: 'to wire: ------' })).toMatch(/got a subscription at 0 ms/);
  });

  it('joins the bytes of a frame unless `exact` is set', () => {
    const bytewise: Plugin = (wire) => (dial) => (flow$) =>
      new Observable((up) =>
        flow$.pipe(wire(dial)).subscribe({
          error: (error: unknown) => up.error(error),
          complete: () => up.complete(),
          next: (signal) => {
            if (signal.kind !== 'data') up.next(signal);
            else
              for (const byte of [...signal.bytes, undefined])
                up.next({ kind: 'data', bytes: byte ? Uint8Array.of(byte) : new Uint8Array() });
          },
        }),
      );
    const diagram = 'wire: C--x--\nto app: C--x--';
    marbles({ plugin: bytewise, values: { x: 'abc' }, diagram });
    expect(failure({ plugin: bytewise, values: { x: 'abc' }, diagram, exact: true })).toMatch(/expected data <61 62 63> .*, got data <61>/);
    marbles({ plugin: bytewise, values: { x: 'abc', o: '' }, diagram: 'wire: C--x-----\nto app: C--(abco)', exact: true });
  });

  it("compares 'sent' of all bytes and of some", () => {
    // The frame is a byte longer below: its bytes count as sent when the whole frame has been sent.
    marbles({
      plugin: framed(),
      values: { h: 'hi', f: '0x02 68 69', 1: 1, 2: 2 },
      diagram: `
        app:      -h-----h----
        to wire:  -f-----f----
        wire:     C--1-2--(2S)
        to app:   C----2--S---
      `,
    });
    expect(failure({ plugin: passthrough(), diagram: 'app: (ab)\nwire: C---S\nto app: C---1' })).toMatch(/expected data/);
    const part = failure({ plugin: passthrough(), values: { 1: 1, x: 'abc' }, diagram: 'app: -x---\nwire: C--1-\nto app: C--S-' });
    expect(part).toMatch(/expected 'sent' of all the bytes at 3 ms to reach the application, got 'sent' of 1 bytes/);
  });

  it('plays the wire before the application within a frame', () => {
    marbles({ plugin: knock, values, diagram: 'app: --h--\nto wire: -kh--\nwire: -Cw--\nto app: --C--' });
  });

  it('plays resets in both directions, and compares their codes', () => {
    marbles({ plugin: passthrough(), diagram: 'app: --#\nto wire: --#\nwire: C\nto app: C-#' });
    marbles({ plugin: passthrough(), diagram: 'app: --#EPROXY\nto wire: --#EPROXY\nwire: C\nto app: C-#EPROXY' });
    const code = /^expected an error EPIPE at 2 ms to reach the application, got an error ECONNRESET \("ECONNRESET: the wire failed/;
    expect(failure({ plugin: passthrough(), diagram: 'wire: C-#ECONNRESET\nto app: C-#EPIPE' })).toMatch(code);
    expect(failure({ plugin: passthrough(), diagram: 'wire: C-#ECONNRESET\nto app: C-#' })).toMatch(/expected an error without a code/);
  });

  it('does not compare an omitted line', () => {
    marbles({ plugin: knock, values, diagram: 'wire: -C--w\nto app: ----C' });
    marbles({ plugin: knock, values, diagram: 'wire: -C--w\nto wire: -k---' });
  });

  it('prints both timelines aligned, the first difference, and a hex diff of its bytes', () => {
    const message = failure({
      plugin: cipher(),
      values: { h: 'hello', x: '0x6b 77 00 00 00' },
      diagram: `
        app:      ---h------E-
        to wire:  ---x------E-
        wire:     -C----------
        to app:   -C----------
      `,
    });
    expect(message).toBe(
      drawn(`
      expected data <6b 77 00 00 00> at 3 ms to reach the wire, got data <6b 77 31 b8 48> at 3 ms

        app:               ---h------E-
        wire:              -C----------
        to wire, expected: ---x------E-
        to wire, actual:   ---?------E-
                              ^
        to app:            -C----------

        expected  0000  6b 77 00 00 00                                   kw...
        actual    0000  6b 77 31 b8 48                                   kw1.H
                              ^^ ^^ ^^
      `),
    );
  });

  it('marks the first difference of all lines, and keeps columns aligned after groups and times', () => {
    const message = failure({
      plugin: passthrough(),
      diagram: `
        app:      ---(abc)- 50ms d-
        to wire:  ---(abc)- 50ms e-
        wire:     -C 40ms ---------
        to app:   - 40ms C---------
      `,
    });
    expect(message).toBe(
      drawn(`
      expected 'connected' at 41 ms to reach the application, got 'connected' at 1 ms

        app:               ---(abc) 33ms - 17ms d-
        wire:              -C------ 33ms - 17ms --
        to wire, expected: ---(abc) 33ms - 17ms e-
        to wire, actual:   ---(abc) 33ms - 17ms d-
        to app, expected:  -------- 33ms C 17ms --
        to app, actual:    -C------ 33ms - 17ms --
                            ^
      `),
    );
  });

  it('prints only the hex rows that differ, and the number of omitted rows', () => {
    const long = 'x'.repeat(16 * 20);
    const message = failure({ plugin: passthrough(), values: { a: `${long}!`, b: `${long}?` }, diagram: 'wire: Ca\nto app: Cb' });
    expect(message.match(/^ {2}expected {2}/gm)?.length).toBe(1);
    expect(message).toMatch(/expected {2}0140 {2}3f +\?\n {2}actual {4}0140 {2}21 +!\n {18}\^\^$/);
    const all = failure({ plugin: passthrough(), values: { a: long, b: long.toUpperCase() }, diagram: 'wire: Ca\nto app: Cb' });
    expect(all).toMatch(/… and 12 more rows$/);
  });

  it('parses the marble grammar of RxJS', () => {
    const random = randomOf(11);
    const parts = ['-', '--', 'a', 'b', '(ab)', '(a-b)', ' ', ' 12ms ', ' 1.5s ', ' 2m ', '1', '(abc)-', '  '];
    // Frames are milliseconds only inside `run`.
    const parse = (text: string): unknown[] =>
      new TestScheduler(() => undefined)
        .run(() => TestScheduler.parseMarbles(text, undefined, undefined, false, true))
        .map(({ frame, notification }) => [frame, (notification as { value: string }).value]);
    let moments = 0;
    for (let round = 0; round < 500; round += 1) {
      const text = Array.from({ length: 8 }, () => parts[Math.floor(random() * parts.length)])
        .join('')
        .trim();
      const line = readDiagram(`wire: ${text}`, readValues({})).get('wire') ?? expect.unreachable();
      const got = line.moments.map((moment) => [moment.frame, moment.text]);
      // At the end of a line, a time needs no blank: editors remove trailing blanks.
      expect(got, text).toStrictEqual(parse(`${text} `));
      moments += got.length;
    }
    expect(moments).toBeGreaterThan(1000);
  });

  it('throws a TypeError for an invalid diagram, with the place', () => {
    const wrong: [string, RegExp][] = [
      ['foo: --', /expected each line of `diagram` to begin with 'app:', .* got 'foo: --'/],
      ['--a--', /to begin with/],
      ['app: -S\nto app: -', /expected a symbol that 'app' can carry at 'S' of 'app: -S'/],
      ['wire: ^\nto app: -', /expected a symbol that 'wire' can carry at '\^'/],
      ['wire: C#\nto app: -', /expected a code behind '#'/],
      ['wire: (a\nto app: -', /expected '\)'/],
      ['wire: a)\nto app: -', /expected '\(' before '\)' at '\)'/],
      ['wire: ((a))\nto app: -', /expected no group inside a group/],
      ['wire: |a\nto app: -', /expected nothing more at 'a'/],
      ['wire: -\nwire: -\nto app: -', /expected 'wire:' to stand once/],
      ['wire: -C', /to have a line 'to wire:' or 'to app:', got none/],
    ];
    for (const [diagram, message] of wrong) {
      expect(() => marbles({ plugin: passthrough(), diagram })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }),
      );
    }
    const values: [MarbleTest['values'], RegExp][] = [
      [{ E: 'x' }, /one letter other than CEPRSTU, which are signals, got 'E'/],
      [{ ab: 'x' }, /got 'ab'/],
      [{ '-': 'x' }, /got '-'/],
      [{ a: '0x123' }, /expected `values.a` to be pairs of hex digits after 0x, got '0x123'/],
      [{ a: null as never }, /expected `values.a` to be a string, .* got null/],
    ];
    for (const [each, message] of values) {
      expect(() => marbles({ plugin: passthrough(), values: each, diagram: 'to app: -' })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }),
      );
    }
  });

  it('returns the timelines of a run that matches, with the signals of a line that is not drawn', () => {
    const { timelines } = marbles({
      plugin: knock,
      values,
      diagram: `
        app:      --h--
        wire:     -C-w-
        to app:   ---C-
      `,
    });
    expect(timelines.map(({ line, role, signals }) => [line, role, signals.map(({ at, symbol }) => `${at}${symbol}`).join(' ')])).toEqual([
      ['app', 'played', '2h'],
      ['wire', 'played', '1C 3w'],
      ['to wire', 'actual', '1k 3h'],
      ['to app', 'expected', '3C'],
      ['to app', 'actual', '3C'],
    ]);
    expect(timelines.flatMap(({ signals }) => signals).every(({ isMatched }) => isMatched)).toBe(true);
    expect(timelines[2]?.signals[1]).toMatchObject({ text: 'data <68 65 6c 6c 6f>', bytes: new TextEncoder().encode('hello') });
  });

  it('attaches the timelines to its error, and marks the signals that differ', () => {
    let thrown: unknown;
    try {
      marbles({ plugin: passthrough(), values, diagram: 'wire: C-a-(bE)\nto app: C-x-(Eb)' });
    } catch (error) {
      thrown = error;
    }
    const { timelines } = thrown as MarbleFailure;
    const drawn = timelines.map(
      ({ line, role, signals }) => `${line} ${role}: ${signals.map((each) => `${each.symbol}${each.isMatched ? '' : '!'}`).join(' ')}`,
    );
    expect(drawn).toEqual(['wire played: C a b E', 'to wire actual: ', 'to app expected: C x! E b!', 'to app actual: C a! b! E']);
    expect(Object.keys(thrown as object)).toEqual([]);
  });

  it('rethrows what the plugin throws when it is dialled, and restores the schedulers', async () => {
    const wrong: Plugin = () => () => {
      throw new TypeError('no target');
    };
    expect(() => marbles({ plugin: wrong, diagram: 'to app: -' })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: 'no target' }),
    );
    await new Promise<void>((resolve) => timer(0).subscribe(() => resolve()));
    marbles({ plugin: passthrough(), diagram: 'wire: Ca\nto app: Ca' });
  });
});
