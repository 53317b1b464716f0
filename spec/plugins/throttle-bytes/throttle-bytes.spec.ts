import assert from 'node:assert/strict';
import { BehaviorSubject, concat, defer, EMPTY, NEVER, of, Subject, throwError, type Observable } from 'rxjs';
import { describe, it } from 'vitest';
import { throttleBytes, type ThrottleBytesOptions } from '../../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { invariants } from '../../support/harness.ts';
import { data, inWords, PluginDriver, sent, textOf } from '../../support/scripted-wire.ts';
import { connectedPair } from '../../support/two-ends.ts';

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
    it(
      `keeps the rules of a plugin with ${name}`,
      invariants(async () => {
        (await checkPlugin(throttleBytes(options), [])).assert();
      }),
    );
  }

  describe.each(['down', 'up'] as const)('%s', (way) => {
    const passed = way === 'down' ? down : up;
    const give = (ride: PluginDriver, ...signals: ReturnType<typeof bytes>[]): void =>
      way === 'down' ? signals.forEach((signal) => ride.app.next(signal)) : ride.wire.give(...signals);

    it('lets the burst pass at once and the rest at the rate', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 200 });
      give(io, bytes(5000));
      const seen = [passed(io)];
      for (let second = 0; second < 5; second += 1) {
        clock.advance(1000);
        seen.push(passed(io));
      }
      assert.deepEqual(seen, [200, 1200, 2200, 3200, 4200, 5000]);
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
      assert.ok(worst <= 700, `${worst} bytes more than the rate gives`);
      assert.ok(at.at(-1)! > 17_000, `${at.at(-1)!} bytes in 2 s`);
    });

    it('keeps bytes in order, in pieces of the chunks given, with the end behind them', () => {
      const { ride: io, clock } = ride({ rate: 100, burst: 3 });
      const text = 'abcdefghijklmnopqrstuvwxyz';
      give(io, data(text.slice(0, 10)), data(text.slice(10, 11)), data(text.slice(11)));
      if (way === 'down') io.app.next({ kind: 'end' });
      else io.wire.give({ kind: 'end' });
      clock.advance(220);
      const signals = way === 'down' ? io.wire.down : io.up;
      assert.ok(!inWords(signals).includes('end'));
      clock.advance(100);
      assert.equal(textOf(signals), text);
      assert.equal(inWords(signals).at(-1), 'end');
    });

    it('leaves the other direction alone when it alone is limited', () => {
      const { ride: io } = ride({ rate: 10, direction: way });
      io.app.next(bytes(1000));
      io.wire.give(bytes(1000));
      assert.deepEqual([down(io), up(io)], way === 'down' ? [1, 1000] : [1000, 1]);
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
        assert.deepEqual(told(), []);
        give(io, bytes(size), bytes(size)); // one byte of the first is through
        assert.deepEqual(told(), ['pause']);
        clock.advance(count * size - half - 20);
        assert.deepEqual(told(), ['pause']);
        clock.advance(40);
        assert.deepEqual(told(), ['pause', 'resume']);
        io.unsubscribe();
      }
    });

    it('stands still while it is paused, and spends nothing meanwhile', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 100 });
      give(io, bytes(150));
      assert.equal(passed(io), 100);
      const tell = (kind: 'pause' | 'resume'): void => (way === 'down' ? io.wire.give({ kind }) : io.app.next({ kind }));
      tell('pause');
      clock.advance(10_000);
      assert.equal(passed(io), 100);
      assert.equal(clock.pending, 0);
      tell('resume');
      assert.equal(passed(io), 150);
    });
  });

  it('passes pause, resume and sent on past the bytes that wait, and does not say sent itself', () => {
    const { ride: io } = ride({ rate: 1000, burst: 10 });
    io.app.next(bytes(30));
    io.app.next({ kind: 'pause' });
    io.app.next({ kind: 'resume' });
    io.wire.give(sent(10), { kind: 'pause' }, { kind: 'resume' });
    assert.deepEqual(inWords(io.wire.down).slice(1), ['pause', 'resume']);
    assert.deepEqual(inWords(io.up), ['connected', 'sent 10', 'pause', 'resume']);
    io.unsubscribe();
  });

  it('piles up no more than what passes in 100 ms when no burst is given', () => {
    const { ride: io, clock } = ride({ rate: 5000 });
    clock.advance(60_000);
    io.app.next(bytes(2000));
    assert.equal(down(io), 500);
    io.unsubscribe();
  });

  it('lets a byte pass each 10 s at 0.1 a second, with a timer or two for it', () => {
    const { ride: io, clock } = ride({ rate: 0.1 });
    io.app.next(bytes(5));
    const before = clock.scheduled;
    clock.advance(39_999);
    assert.equal(down(io), 4);
    clock.advance(1);
    assert.equal(down(io), 5);
    assert.ok(clock.scheduled - before <= 8, `${clock.scheduled - before} timers`);
  });

  it('leaves no timer when nothing waits, nor after it is unsubscribed', () => {
    const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
    io.app.next(bytes(20));
    assert.equal(clock.pending, 1);
    clock.advance(1000);
    assert.deepEqual([clock.pending, down(io)], [0, 20]);
    io.app.next(bytes(20));
    io.wire.give(bytes(20));
    assert.equal(clock.pending, 2);
    io.unsubscribe();
    assert.equal(clock.pending, 0);
  });

  describe('its end', () => {
    it('waits behind the bytes when the application closes', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.app.next(bytes(1000));
      io.app.complete();
      clock.advance(900);
      assert.deepEqual([io.wire.flow, io.state], ['open', 'open']);
      clock.advance(100);
      assert.deepEqual([down(io), io.wire.flow, clock.pending], [1000, 'complete', 0]);
    });

    it('does not wait for a wire that paused it, and takes no more bytes for the application', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.app.next(bytes(100));
      io.wire.give({ kind: 'pause' }, bytes(100));
      io.app.complete();
      io.wire.give(bytes(1), { kind: 'pause' });
      clock.advance(100);
      assert.deepEqual([down(io), up(io), io.wire.flow], [100, 10, 'complete']);
    });

    it('is given up when no byte leaves for timeouts.close', () => {
      const rate = new BehaviorSubject(1000);
      const { ride: io, clock } = ride({ rate, burst: 10 }, new Clock(), { close: 500 });
      io.app.next(bytes(2000));
      io.app.complete();
      clock.advance(1000);
      assert.deepEqual([down(io), io.state], [1010, 'open']);
      rate.next(0);
      clock.advance(499);
      assert.equal(io.state, 'open');
      clock.advance(20);
      assert.deepEqual([down(io), io.state, io.wire.flow, clock.pending], [1010, 'complete', 'unsubscribed', 0]);
    });

    it('comes at once when the application resets: nothing that is held goes anywhere', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.app.next(bytes(100));
      io.wire.give(bytes(100));
      io.app.error(new Error('enough'));
      assert.equal(io.wire.flow, 'error');
      io.wire.fail(new Error('enough'));
      assert.deepEqual([down(io), up(io), io.state, clock.pending], [10, 10, 'error', 0]);
    });

    it('comes at once when the wire fails: after all bytes that came before', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.give(bytes(100));
      io.app.next({ kind: 'pause' });
      io.wire.fail(new Error('gone'));
      assert.deepEqual([up(io), io.state, String(io.error), clock.pending], [100, 'error', 'Error: gone', 0]);
    });

    it('waits for an application that pauses while the last bytes before an error come up: none is lost', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      const rest = new PluginDriver(throttleBytes({ rate: 1000, burst: 10 }), {
        dial: testDial({ scheduler: clock }),
        seen: (signal, { app }) => textOf([signal]) === 'bc' && app.next({ kind: 'pause' }),
      });
      io.unsubscribe();
      rest.wire.give(data('0123456789'), data('a'), data('bc'), data('de'));
      rest.wire.fail(new Error('gone'));
      clock.advance(1000);
      assert.deepEqual([textOf(rest.up), rest.state], ['0123456789abc', 'open']);
      rest.app.next({ kind: 'resume' });
      clock.advance(1000);
      assert.deepEqual([textOf(rest.up), rest.state, String(rest.error)], ['0123456789abcde', 'error', 'Error: gone']);
    });

    it('waits behind the bytes when the wire is done', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.give(bytes(100), { kind: 'end' });
      io.wire.complete();
      clock.advance(50);
      assert.deepEqual([up(io), io.state], [60, 'open']);
      clock.advance(50);
      assert.deepEqual([up(io), io.state, inWords(io.up).at(-1)], [100, 'complete', 'end']);
    });

    it('waits for an application that paused, also when the wire is done', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.give(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.next({ kind: 'pause' });
      clock.advance(1000);
      assert.deepEqual([up(io), io.state], [10, 'open']);
      io.app.next({ kind: 'resume' });
      clock.advance(1000);
      assert.deepEqual([up(io), io.state], [100, 'complete']);
    });

    it('comes when the application closes after the wire is done', () => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.give(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.complete();
      assert.deepEqual([io.state, clock.pending], ['complete', 0]);
    });

    it.each<[string, (ride: PluginDriver) => void, string]>([
      ['close', ({ app }) => app.complete(), 'complete'],
      ['reset', ({ app }) => app.error(new Error('why')), 'error'],
      ['unsubscribe', (ride) => ride.unsubscribe(), 'unsubscribed'],
    ])('comes at once on %s after the wire is done: nothing that is held goes anywhere', (_, leaves, state) => {
      const { ride: io, clock } = ride({ rate: 1000, burst: 10 });
      io.wire.give(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.next(bytes(100));
      leaves(io);
      clock.advance(1000);
      assert.deepEqual([up(io), io.state, clock.pending, io.app.observed], [10, state, 0, false]);
      if (state === 'error') assert.deepEqual(io.error, new Error('why'));
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
      assert.deepEqual(seen, [1000, 1000, 10, 0, 500, 60_000 - 1 - 2510]);
    });

    it('may change from inside what passes', () => {
      const rate = new BehaviorSubject(1_000_000);
      const { ride: io, clock } = ride({ rate });
      io.wire.answer = () => rate.next(10);
      io.app.next(bytes(150_000));
      assert.equal(down(io), 100_000);
      clock.advance(1000);
      assert.equal(down(io), 100_010);
      io.wire.answer = () => rate.next(Infinity);
      clock.advance(100);
      assert.equal(down(io), 150_000);
    });

    it('wakes those who wait for a byte at the old rate', () => {
      const rate = new BehaviorSubject(0.001);
      const { ride: io, clock } = ride({ rate });
      io.app.next(bytes(10));
      clock.advance(1);
      assert.equal(down(io), 1);
      rate.next(1000);
      clock.advance(9);
      assert.equal(down(io), 10);
    });

    it('lets nothing pass before its first value, then the burst', () => {
      const rate = new Subject<number>();
      const { ride: io, clock } = ride({ rate, burst: 5 });
      io.app.next(bytes(10));
      io.app.next({ kind: 'end' });
      clock.advance(1e6);
      assert.deepEqual([io.wire.down, clock.pending], [[], 0]);
      rate.next(1);
      assert.equal(down(io), 5);
      io.unsubscribe();
      assert.equal(rate.observed, false);
    });

    it('keeps its last value when it completes', () => {
      const { ride: io, clock } = ride({ rate: of(5, 1000), burst: 1 });
      io.app.next(bytes(101));
      clock.advance(100);
      assert.equal(down(io), 101);
    });

    it.each<[string, Observable<number>, string]>([
      ['an error', throwError(() => new Error('no rate today')), 'slow: no rate today'],
      ['an end without a value', EMPTY, 'slow: no elements in sequence'],
      ['a value that is no rate', of(-1), 'slow: expected `rate` to emit bytes per second, 0 or more, got -1'],
      ['NaN', of(NaN), 'slow: expected `rate` to emit bytes per second, 0 or more, got NaN'],
    ])('fails the connection by %s, now or later', (_, fault$, message) =>
      invariants((h) => {
        for (const later of [undefined, new Subject<number>()]) {
          const rate = later ? concat(later, fault$) : fault$;
          const { ride: io, clock } = ride({ rate });
          io.app.next(bytes(10));
          later?.complete();
          assert.equal(io.state, 'error');
          h.error(io.error, { code: 'EPROTOCOL', phase: 'write', layer: 'slow' });
          assert.equal((io.error as Error).message, message);
          assert.equal(clock.pending, 0);
        }
        return Promise.resolve();
      })(),
    );
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
      assert.ok(sum > 99_000 && sum <= 100_100, `${sum} bytes`);
      assert.ok(Math.max(...each) - Math.min(...each) <= 200, String(each));
      for (const io of all) io.unsubscribe();
      assert.equal(clock.pending, 0);
    });

    it('is not shared without the word', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 1000, burst: 1 });
      const all = Array.from({ length: 3 }, () => ride(plugin, clock).ride);
      for (const io of all) io.app.next(bytes(2000));
      clock.advance(1000);
      assert.deepEqual(all.map(down), [1001, 1001, 1001]);
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
      assert.equal(down(crumbs), 0);
      clock.advance(10);
      assert.equal(down(crumbs), 1000);
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
      assert.equal(down(b) - before, 1000);
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
      assert.deepEqual([down(first), down(second)], [500, 0]);
      clock.advance(500);
      assert.equal(down(second), 500);
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
      assert.deepEqual([subscribed, rate.observed], [1, true]);
      b.unsubscribe();
      assert.equal(rate.observed, false);
      const [c, d] = [ride(plugin, clock).ride, ride(plugin, clock).ride];
      rate.error(new Error('off'));
      assert.deepEqual([subscribed, c.state, d.state], [2, 'error', 'error']);
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
    assert.throws(
      () => throttleBytes(options as ThrottleBytesOptions),
      (error) => error instanceof TypeError && error.message.includes(words),
    );
  });

  it(
    'holds a real transfer to its rate, both ways, with all bytes in order',
    invariants(async (h) => {
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
      assert.ok(rate < 4_100_000, `${rate} bytes per second`);
      console.log(`throttleBytes: 1 MiB each way at ${(rate / 1e6).toFixed(2)} MB/s of 4`);
      near.close();
      far.close();
      await Promise.all([near.up.ended, far.up.ended]);
    }),
  );
});
