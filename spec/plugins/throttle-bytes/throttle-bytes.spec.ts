import { BehaviorSubject, concat, NEVER, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { throttleBytes, type ThrottleBytesOptions } from '../../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import { spec } from '../../support/spec.ts';
import { data, inWords, sent, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { connectedPair } from '../../support/connected-pair.ts';
import { drive, bytes, down, up } from './throttle-bytes-tools.ts';

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
    const give = (driver: PluginDriver, ...signals: ReturnType<typeof bytes>[]): void =>
      way === 'down' ? signals.forEach((signal) => driver.app.next(signal)) : driver.wire.emit(...signals);

    it('lets the burst pass at once and the rest at the rate', () => {
      const { driver: io, clock } = drive({ rate: 1000, burst: 200 });
      give(io, bytes(5000));
      const seen = [passed(io)];
      for (let second = 0; second < 5; second += 1) {
        clock.advance(1000);
        seen.push(passed(io));
      }
      expect(seen).toStrictEqual([200, 1200, 2200, 3200, 4200, 5000]);
    });

    it('never lets more than burst + rate × t pass in any time t', () => {
      const { driver: io, clock } = drive({ rate: 10_000, burst: 700 });
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
      const { driver: io, clock } = drive({ rate: 100, burst: 3 });
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
      const { driver: io } = drive({ rate: 10, direction: way });
      io.app.next(bytes(1000));
      io.wire.emit(bytes(1000));
      expect([down(io), up(io)]).toStrictEqual(way === 'down' ? [1, 1000] : [1000, 1]);
      io.unsubscribe();
    });

    it('pauses its sender when it holds 64 KiB or 1024 chunks, and resumes it at half of that', () => {
      for (const [count, size, half] of [
        [9, 2 ** 13, 2 ** 15],
        [1026, 1, 512],
      ] as const) {
        const { driver: io, clock } = drive({ rate: 1000, burst: 1, direction: way });
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
      const { driver: io, clock } = drive({ rate: 1000, burst: 100 });
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

  it('passes pause, resume and sent on ahead of the queued bytes, and emits no `sent` of its own', () => {
    const { driver: io } = drive({ rate: 1000, burst: 10 });
    io.app.next(bytes(30));
    io.app.next({ kind: 'pause' });
    io.app.next({ kind: 'resume' });
    io.wire.emit(sent(10), { kind: 'pause' }, { kind: 'resume' });
    expect(inWords(io.wire.down).slice(1)).toStrictEqual(['pause', 'resume']);
    expect(inWords(io.up)).toStrictEqual(['connected', 'sent 10', 'pause', 'resume']);
    io.unsubscribe();
  });

  it('piles up no more than what passes in 100 ms when no burst is given', () => {
    const { driver: io, clock } = drive({ rate: 5000 });
    clock.advance(60_000);
    io.app.next(bytes(2000));
    expect(down(io)).toBe(500);
    io.unsubscribe();
  });

  it('lets a byte pass each 10 s at 0.1 a second, with a timer or two for it', () => {
    const { driver: io, clock } = drive({ rate: 0.1 });
    io.app.next(bytes(5));
    const before = clock.scheduled;
    clock.advance(39_999);
    expect(down(io)).toBe(4);
    clock.advance(1);
    expect(down(io)).toBe(5);
    expect(clock.scheduled - before <= 8, `${clock.scheduled - before} timers`).toBe(true);
  });

  it('leaves no timer when nothing waits, nor after it is unsubscribed', () => {
    const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
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
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
      io.app.next(bytes(1000));
      io.app.complete();
      clock.advance(900);
      expect([io.wire.flow, io.state]).toStrictEqual(['open', 'open']);
      clock.advance(100);
      expect([down(io), io.wire.flow, clock.pending]).toStrictEqual([1000, 'complete', 0]);
    });

    it('does not wait for a wire that paused it, and takes no more bytes for the application', () => {
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
      io.app.next(bytes(100));
      io.wire.emit({ kind: 'pause' }, bytes(100));
      io.app.complete();
      io.wire.emit(bytes(1), { kind: 'pause' });
      clock.advance(100);
      expect([down(io), up(io), io.wire.flow]).toStrictEqual([100, 10, 'complete']);
    });

    it('is given up when no byte leaves for timeouts.close', () => {
      const rate = new BehaviorSubject(1000);
      const { driver: io, clock } = drive({ rate, burst: 10 }, new Clock(), { close: 500 });
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
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
      io.app.next(bytes(100));
      io.wire.emit(bytes(100));
      io.app.error(new Error('enough'));
      expect(io.wire.flow).toBe('error');
      io.wire.fail(new Error('enough'));
      expect([down(io), up(io), io.state, clock.pending]).toStrictEqual([10, 10, 'error', 0]);
    });

    it('comes at once when the wire fails: after all bytes that came before', () => {
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100));
      io.app.next({ kind: 'pause' });
      io.wire.fail(new Error('gone'));
      expect([up(io), io.state, String(io.error), clock.pending]).toStrictEqual([100, 'error', 'Error: gone', 0]);
    });

    it('waits for an application that pauses while the last bytes before an error come up: none is lost', () => {
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
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
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100), { kind: 'end' });
      io.wire.complete();
      clock.advance(50);
      expect([up(io), io.state]).toStrictEqual([60, 'open']);
      clock.advance(50);
      expect([up(io), io.state, inWords(io.up).at(-1)]).toStrictEqual([100, 'complete', 'end']);
    });

    it('waits for an application that paused, also when the wire is done', () => {
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
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
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.complete();
      expect([io.state, clock.pending]).toStrictEqual(['complete', 0]);
    });

    it.each<[string, (driver: PluginDriver) => void, string]>([
      ['close', ({ app }) => app.complete(), 'complete'],
      ['reset', ({ app }) => app.error(new Error('why')), 'error'],
      ['unsubscribe', (driver) => driver.unsubscribe(), 'unsubscribed'],
    ])('comes at once on %s after the wire is done: nothing that is held goes anywhere', (_, leaves, state) => {
      const { driver: io, clock } = drive({ rate: 1000, burst: 10 });
      io.wire.emit(bytes(100), { kind: 'end' });
      io.wire.complete();
      io.app.next(bytes(100));
      leaves(io);
      clock.advance(1000);
      expect([up(io), io.state, clock.pending, io.app.observed]).toStrictEqual([10, state, 0, false]);
      if (state === 'error') expect(io.error).toStrictEqual(new Error('why'));
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
