import { BehaviorSubject, concat, defer, EMPTY, NEVER, of, Subject, throwError, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { throttleBytes, type ThrottleBytesOptions } from '../../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { spec } from '../../support/spec.ts';
import { data, inWords, sent, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { connectedPair } from '../../support/connected-pair.ts';

/** A connection through the plugin, connected, on a clock of its own. */
function ride(plugin: Plugin | ThrottleBytesOptions, clock = new Clock(), timeouts = {}): { ride: PluginDriver; clock: Clock } {
  const made = typeof plugin === 'function' ? plugin : throttleBytes(plugin);
  const ride = new PluginDriver(made, { dial: testDial({ scheduler: clock, timeouts, layer: 'slow' }) });
  ride.wire.connect();
  return { ride, clock };
}

const bytes = (count: number): ReturnType<typeof data> => data('x'.repeat(count));
const down = ({ wire }: PluginDriver): number => textOf(wire.down).length;
const up = ({ up }: PluginDriver): number => textOf(up).length;

describe('throttleBytes', () => {
  const slow: Readonly<Record<string, ThrottleBytesOptions>> = {
    'no limit': { rate: Infinity },
    'a high rate': { rate: 1e9 },
    'a rate that is felt': { rate: 10_000_000, burst: 2000 },
    'a limit down': { rate: 10_000_000, burst: 2000, direction: 'down' },
    'a limit up': { rate: 10_000_000, burst: 2000, direction: 'up' },
    'an Observable as rate': { rate: concat(of(1e7), NEVER) },
    'a shared budget': { rate: 1e8, shared: true },
  };
  for (const [name, options] of Object.entries(slow)) {
    spec(`keeps the rules of a plugin with ${name}`, async () => {
      (await checkPlugin(throttleBytes(options), [])).assert();
    });
  }

  describe.each(['down', 'up'] as const)('%s', (way) => {
    const passed = way === 'down' ? down : up;
    const give = (ride: PluginDriver, ...signals: ReturnType<typeof bytes>[]): void =>
      way === 'down' ? signals.forEach((signal) => ride.app.next(signal)) : ride.wire.emit(...signals);

    it('lets the burst pass at once and the rest at the rate', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 200 });
      give(io, bytes(5000));
      const seen = [passed(io)];
      for (let second = 0; second < 5; second += 1) {
        clock.advance(1000);
        seen.push(passed(io));
      }
      expect(seen).toStrictEqual([200, 1200, 2200, 3200, 4200, 5000]);
    });

    it('never lets more than burst + rate × t pass in any time t', () => {
      const { ride: io, clock } = ride({ rate: 10_000, burst: 700 });
      const at: number[] = [];
      for (let ms = 0; ms < 2000; ms += 1) {
        if (ms % 97 === 0) give(io, bytes(((ms * 7) % 1900) + 1));
        at.push(passed(io));
        clock.advance(1);
      }
      let worst = 0;
      for (let from = 0; from < at.length; from += 1)
        for (let to = from + 1; to < at.length; to += 1) worst = Math.max(worst, at[to]! - at[from]! - (to - from) * 10);
      expect(worst <= 700, `${worst} bytes more than the rate gives`).toBe(true);
      expect(at.at(-1)! > 17_000, `${at.at(-1)!} bytes in 2 s`).toBe(true);
    });

    it('keeps bytes in order, in pieces of the chunks given, with the end behind them', () => {
      const { ride: io, clock } = ride({ rate: 100, burst: 3 });
      const text = 'abcdefghijklmnopqrstuvwxyz';
      give(io, data(text.slice(0, 10)), data(text.slice(10, 11)), data(text.slice(11)));
      if (way === 'down') io.app.next({ kind: 'end' });
      else io.wire.emit({ kind: 'end' });
      clock.advance(220);
      const signals = way === 'down' ? io.wire.down : io.up;
      expect(!inWords(signals).includes('end')).toBe(true);
      clock.advance(100);
      expect(textOf(signals)).toBe(text);
      expect(inWords(signals).at(-1)).toBe('end');
    });

    it('leaves the other direction alone when it alone is limited', () => {
      const { ride: io } = ride({ rate: 10, direction: way });
      io.app.next(bytes(1000));
      io.wire.emit(bytes(1000));
      expect([down(io), up(io)]).toStrictEqual(way === 'down' ? [1, 1000] : [1000, 1]);
      io.unsubscribe();
    });

    it('pauses its sender when it holds 64 KiB, or 1024 chunks, and lets him go on at half of it', () => {
      for (const [count, size, half] of [
        [9, 2 ** 13, 2 ** 15],
        [1026, 1, 512],
      ] as const) {
        const { ride: io, clock } = ride({ rate: 1000, burst: 1, direction: way });
        for (let each = 0; each < count - 2; each += 1) give(io, bytes(size));
        const told = (): string[] => inWords(way === 'down' ? io.up : io.wire.down).filter((word) => /pause|resume/.test(word));
        expect(told()).toStrictEqual([]);
        give(io, bytes(size), bytes(size)); // one byte of the first is through
        expect(told()).toStrictEqual(['pause']);
        clock.advance(count * size - half - 20);
        expect(told()).toStrictEqual(['pause']);
        clock.advance(40);
        expect(told()).toStrictEqual(['pause', 'resume']);
        io.unsubscribe();
      }
    });

    it('stands still while it is paused, and spends nothing meanwhile', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 100 });
      give(io, bytes(150));
      expect(passed(io)).toBe(100);
      const tell = (kind: 'pause' | 'resume'): void => (way === 'down' ? io.wire.emit({ kind }) : io.app.next({ kind }));
      tell('pause');
      clock.advance(10_000);
      expect(passed(io)).toBe(100);
      expect(clock.pending).toBe(0);
      tell('resume');
      expect(passed(io)).toBe(150);
    });
  });

  it('passes pause, resume and sent on past the bytes that wait, and does not say sent itself', () => {
    const { ride: io } = ride({ rate: 1000, burst: 10 });
    io.app.next(bytes(30));
    io.app.next({ kind: 'pause' });
    io.app.next({ kind: 'resume' });
    io.wire.emit(sent(10), { kind: 'pause' }, { kind: 'resume' });
    expect(inWords(io.wire.down).slice(1)).toStrictEqual(['pause', 'resume']);
    expect(inWords(io.up)).toStrictEqual(['connected', 'sent 10', 'pause', 'resume']);
    io.unsubscribe();
  });

  it('piles up no more than what passes in 100 ms when no burst is given', () => {
    const { ride: io, clock } = ride({ rate: 5000 });
    clock.advance(60_000);
    io.app.next(bytes(2000));
    expect(down(io)).toBe(500);
    io.unsubscribe();
  });

  it('lets a byte pass each 10 s at 0.1 a second, with a timer or two for it', () => {
    const { ride: io, clock } = ride({ rate: 0.1 });
    io.app.next(bytes(5));
    const before = clock.scheduled;
    clock.advance(39_999);
    expect(down(io)).toBe(4);
    clock.advance(1);
    expect(down(io)).toBe(5);
    expect(clock.scheduled - before <= 8, `${clock.scheduled - before} timers`).toBe(true);
  });

  it('leaves no timer when nothing waits, nor after it is unsubscribed', () => {
    const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
    io.app.next(bytes(20));
    expect(clock.pending).toBe(1);
    clock.advance(1000);
    expect([clock.pending, down(io)]).toStrictEqual([0, 20]);
    io.app.next(bytes(20));
    io.wire.emit(bytes(20));
    expect(clock.pending).toBe(2);
    io.unsubscribe();
    expect(clock.pending).toBe(0);
  });

  describe('its end', () => {
    it('waits behind the bytes when the application closes', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.app.next(bytes(1000));
      io.app.complete();
      clock.advance(900);
      expect([io.wire.flow, io.state]).toStrictEqual(['open', 'open']);
      clock.advance(100);
      expect([down(io), io.wire.flow, clock.pending]).toStrictEqual([1000, 'complete', 0]);
    });

    it('does not wait for a wire that paused it, and takes no more bytes for the application', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.app.next(bytes(100));
      io.wire.emit({ kind: 'pause' }, bytes(100));
      io.app.complete();
      io.wire.emit(bytes(1), { kind: 'pause' });
      clock.advance(100);
      expect([down(io), up(io), io.wire.flow]).toStrictEqual([100, 10, 'complete']);
    });

    it('is given up when no byte leaves for timeouts.close', () => {
      const rate = new BehaviorSubject(1000);
      const { ride: io, clock } = ride({ rate, burst: 10 }, new Clock(), { close: 500 });
      io.app.next(bytes(2000));
      io.app.complete();
      clock.advance(1000);
      expect([down(io), io.state]).toStrictEqual([1010, 'open']);
      rate.next(0);
      clock.advance(499);
      expect(io.state).toBe('open');
      clock.advance(20);
      expect([down(io), io.state, io.wire.flow, clock.pending]).toStrictEqual([1010, 'complete', 'unsubscribed', 0]);
    });

    it('comes at once when the application resets: nothing that is held goes anywhere', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.app.next(bytes(100));
      io.wire.emit(bytes(100));
      io.app.error(new Error('enough'));
      expect(io.wire.flow).toBe('error');
      io.wire.fail(new Error('enough'));
      expect([down(io), up(io), io.state, clock.pending]).toStrictEqual([10, 10, 'error', 0]);
    });

    it('comes at once when the wire fails: after all bytes that came before', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100));
      io.app.next({ kind: 'pause' });
      io.wire.fail(new Error('gone'));
      expect([up(io), io.state, String(io.error), clock.pending]).toStrictEqual([100, 'error', 'Error: gone', 0]);
    });

    it('waits for an application that pauses while the last bytes before an error come up: none is lost', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      const rest = new PluginDriver(throttleBytes({ rate: 1000, burst: 10 }), {
        dial: testDial({ scheduler: clock }),
        seen: (signal, { app }) => textOf([signal]) === 'bc' && app.next({ kind: 'pause' }),
      });
      io.unsubscribe();
      rest.wire.emit(data('0123456789'), data('a'), data('bc'), data('de'));
      rest.wire.fail(new Error('gone'));
      clock.advance(1000);
      expect([textOf(rest.up), rest.state]).toStrictEqual(['0123456789abc', 'open']);
      rest.app.next({ kind: 'resume' });
      clock.advance(1000);
      expect([textOf(rest.up), rest.state, String(rest.error)]).toStrictEqual(['0123456789abcde', 'error', 'Error: gone']);
    });

    it('waits behind the bytes when the wire is done', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100), { kind: 'end' });
      io.wire.complete();
      clock.advance(50);
      expect([up(io), io.state]).toStrictEqual([60, 'open']);
      clock.advance(50);
      expect([up(io), io.state, inWords(io.up).at(-1)]).toStrictEqual([100, 'complete', 'end']);
    });

    it('waits for an application that paused, also when the wire is done', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.next({ kind: 'pause' });
      clock.advance(1000);
      expect([up(io), io.state]).toStrictEqual([10, 'open']);
      io.app.next({ kind: 'resume' });
      clock.advance(1000);
      expect([up(io), io.state]).toStrictEqual([100, 'complete']);
    });

    it('comes when the application closes after the wire is done', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.complete();
      expect([io.state, clock.pending]).toStrictEqual(['complete', 0]);
    });

    it.each<[string, (ride: PluginDriver) => void, string]>([
      ['close', ({ app }) => app.complete(), 'complete'],
      ['reset', ({ app }) => app.error(new Error('why')), 'error'],
      ['unsubscribe', (ride) => ride.unsubscribe(), 'unsubscribed'],
    ])('comes at once on %s after the wire is done: nothing that is held goes anywhere', (_, leaves, state) => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.next(bytes(100));
      leaves(io);
      clock.advance(1000);
      expect([up(io), io.state, clock.pending, io.app.observed]).toStrictEqual([10, state, 0, false]);
      if (state === 'error') expect(io.error).toStrictEqual(new Error('why'));
    });
  });

  describe('a rate that changes', () => {
    it('holds from the moment it is told, up and down', () => {
      const rate = new BehaviorSubject(1000);
      const { ride: io, clock } = ride({ rate, burst: 1 });
      io.app.next(bytes(60_000));
      const seen: number[] = [];
      for (const next of [1000, 10_000, 10, 0, 500, Infinity]) {
        const before = down(io);
        rate.next(next);
        clock.advance(1000);
        seen.push(down(io) - before);
      }
      // With a burst of 1 byte and timers of 1 ms it is 1000 bytes a second at the most.
      expect(seen).toStrictEqual([1000, 1000, 10, 0, 500, 60_000 - 1 - 2510]);
    });

    it('may change from inside what passes', () => {
      const rate = new BehaviorSubject(1_000_000);
      const { ride: io, clock } = ride({ rate });
      io.wire.answer = () => rate.next(10);
      io.app.next(bytes(150_000));
      expect(down(io)).toBe(100_000);
      clock.advance(1000);
      expect(down(io)).toBe(100_010);
      io.wire.answer = () => rate.next(Infinity);
      clock.advance(100);
      expect(down(io)).toBe(150_000);
    });

    it('wakes those who wait for a byte at the old rate', () => {
      const rate = new BehaviorSubject(0.001);
      const { ride: io, clock } = ride({ rate });
      io.app.next(bytes(10));
      clock.advance(1);
      expect(down(io)).toBe(1);
      rate.next(1000);
      clock.advance(9);
      expect(down(io)).toBe(10);
    });

    it('lets nothing pass before its first value, then the burst', () => {
      const rate = new Subject<number>();
      const { ride: io, clock } = ride({ rate, burst: 5 });
      io.app.next(bytes(10));
      io.app.next({ kind: 'end' });
      clock.advance(1e6);
      expect([io.wire.down, clock.pending]).toStrictEqual([[], 0]);
      rate.next(1);
      expect(down(io)).toBe(5);
      io.unsubscribe();
      expect(rate.observed).toBe(false);
    });

    it('keeps its last value when it completes', () => {
      const { ride: io, clock } = ride({ rate: of(5, 1000), burst: 1 });
      io.app.next(bytes(101));
      clock.advance(100);
      expect(down(io)).toBe(101);
    });

    spec.each<[string, Observable<number>, string]>([
      ['an error', throwError(() => new Error('no rate today')), 'slow: no rate today'],
      ['an end without a value', EMPTY, 'slow: no elements in sequence'],
      ['a value that is no rate', of(-1), 'slow: expected `rate` to emit bytes per second, 0 or more, got -1'],
      ['NaN', of(NaN), 'slow: expected `rate` to emit bytes per second, 0 or more, got NaN'],
    ])('fails the connection by %s, now or later', (h, _, fault$, message) => {
      for (const later of [undefined, new Subject<number>()]) {
        const rate = later ? concat(later, fault$) : fault$;
        const { ride: io, clock } = ride({ rate });
        io.app.next(bytes(10));
        later?.complete();
        expect(io.state).toBe('error');
        h.error(io.error, { code: 'EPROTOCOL', phase: 'write', layer: 'slow' });
        expect((io.error as Error).message).toBe(message);
        expect(clock.pending).toBe(0);
      }
      return Promise.resolve();
    });
  });

  describe('a shared budget', () => {
    it('is one for all connections: together they get the rate', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 10_000, burst: 100, shared: true });
      const all = Array.from({ length: 10 }, () => ride(plugin, clock).ride);
      for (const io of all) io.app.next(bytes(50_000));
      clock.advance(10_000);
      const each = all.map(down);
      const sum = each.reduce((a, b) => a + b);
      expect(sum > 99_000 && sum <= 100_100, `${sum} bytes`).toBe(true);
      expect(Math.max(...each) - Math.min(...each) <= 200, String(each)).toBe(true);
      for (const io of all) io.unsubscribe();
      expect(clock.pending).toBe(0);
    });

    it('is not shared without the word', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 1000, burst: 1 });
      const all = Array.from({ length: 3 }, () => ride(plugin, clock).ride);
      for (const io of all) io.app.next(bytes(2000));
      clock.advance(1000);
      expect(all.map(down)).toStrictEqual([1001, 1001, 1001]);
      for (const io of all) io.unsubscribe();
    });

    it('is fair: who wants little is served between those who want much, however their bytes are cut', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 100_000, burst: 1000, shared: true });
      const greedy = Array.from({ length: 99 }, () => ride(plugin, clock).ride);
      for (const io of greedy) io.app.next(bytes(60_000));
      const crumbs = ride(plugin, clock).ride;
      for (let each = 0; each < 1000; each += 1) crumbs.app.next(bytes(1));
      clock.advance(990); // one round of slices of 1000
      expect(down(crumbs)).toBe(0);
      clock.advance(10);
      expect(down(crumbs)).toBe(1000);
      for (const io of [...greedy, crumbs]) io.unsubscribe();
    });

    it('is not given to the dead: what one leaves behind goes to the others', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 1000, burst: 1, shared: true });
      const [a, b] = [ride(plugin, clock).ride, ride(plugin, clock).ride];
      a.app.next(bytes(5000));
      b.app.next(bytes(5000));
      a.unsubscribe();
      const before = down(b);
      clock.advance(1000);
      expect(down(b) - before).toBe(1000);
      b.unsubscribe();
    });

    it('does not begin anew with each connection', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 1000, burst: 500, shared: true });
      const first = ride(plugin, clock).ride;
      first.app.next(bytes(500));
      first.unsubscribe();
      const second = ride(plugin, clock).ride;
      second.app.next(bytes(500));
      expect([down(first), down(second)]).toStrictEqual([500, 0]);
      clock.advance(500);
      expect(down(second)).toBe(500);
      second.unsubscribe();
    });

    it('subscribes its rate once, for as long as there is a connection, and fails all with it', () => {
      const rate = new Subject<number>();
      let subscribed = 0;
      const counted = defer(() => {
        subscribed += 1;
        return rate;
      });
      const clock = new Clock();
      const plugin = throttleBytes({ rate: counted, shared: true });
      const [a, b] = [ride(plugin, clock).ride, ride(plugin, clock).ride];
      a.unsubscribe();
      expect([subscribed, rate.observed]).toStrictEqual([1, true]);
      b.unsubscribe();
      expect(rate.observed).toBe(false);
      const [c, d] = [ride(plugin, clock).ride, ride(plugin, clock).ride];
      rate.error(new Error('off'));
      expect([subscribed, c.state, d.state]).toStrictEqual([2, 'error', 'error']);
    });
  });

  it.each<[string, unknown, string]>([
    ['no rate', {}, '`rate` to be bytes per second, more than 0, or an Observable of them, got undefined'],
    ['a rate of 0', { rate: 0 }, 'got 0'],
    ['a negative rate', { rate: -1 }, 'got -1'],
    ['a rate that is text', { rate: '1000' }, 'got 1000'],
    ['NaN', { rate: NaN }, 'got NaN'],
    ['half a byte of burst', { rate: 1, burst: 0.5 }, '`burst` to be a whole number of bytes, 1 or more, got 0.5'],
    ['no burst at all', { rate: 1, burst: 0 }, 'got 0'],
    ['an unknown direction', { rate: 1, direction: 'left' }, "`direction` to be 'both', 'down' or 'up', got left"],
    ['shared that is no boolean', { rate: 1, shared: 'yes' }, '`shared` to be true or false, got yes'],
  ])('refuses %s', (_, options, words) => {
    const making = (): unknown => throttleBytes(options as ThrottleBytesOptions);
    expect(making).toThrow(TypeError);
    expect(making).toThrow(words);
  });

  spec('holds a real transfer to its rate, both ways, with all bytes in order', async (h) => {
    const limited = throttleBytes({ rate: 4_000_000, burst: 20_000 });
    const { near, far } = await connectedPair(h, 'socket', limited, throttleBytes({ rate: Infinity }));
    const given = Array.from({ length: 16 }, (_, at) => Buffer.alloc(2 ** 16, at));
    const start = performance.now();
    for (const chunk of given) {
      near.write(chunk);
      far.write(chunk);
    }
    await h.until(() => near.received === 2 ** 20 && far.received === 2 ** 20);
    const rate = (2 ** 20 / (performance.now() - start)) * 1000;
    h.sameBytes(near.bytes, given);
    h.sameBytes(far.bytes, given);
    expect(rate < 4_100_000, `${rate} bytes per second`).toBe(true);
    console.log(`throttleBytes: 1 MiB each way at ${(rate / 1e6).toFixed(2)} MB/s of 4`);
    near.close();
    far.close();
    await Promise.all([near.up.ended, far.up.ended]);
  });
});
