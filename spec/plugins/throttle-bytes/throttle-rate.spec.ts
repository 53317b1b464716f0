import { BehaviorSubject, concat, defer, EMPTY, of, Subject, throwError, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { throttleBytes } from '../../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { spec } from '../../support/spec.ts';
import { PAUSE, RESUME } from '../../../src/wire/signal.ts';
import { data, inWords, textOf } from '../../support/signal-text.ts';
import { drive, bytes, down, up } from './throttle-bytes-tools.ts';

describe('throttleBytes', () => {
  describe('a rate that changes', () => {
    it('applies from the moment it is emitted, inbound and outbound', () => {
      const rate = new BehaviorSubject(1000);
      const { driver: io, clock } = drive({ rate, burst: 1 });
      io.app.next(bytes(60_000));
      const seen: number[] = [];
      for (const next of [1000, 10_000, 10, 0, 500, Infinity]) {
        const before = down(io);
        rate.next(next);
        clock.advance(1000);
        seen.push(down(io) - before);
      }
      // With a burst of 1 byte and timers of 1 ms at most 1000 bytes a second pass.
      expect(seen).toStrictEqual([1000, 1000, 10, 0, 500, 60_000 - 1 - 2510]);
    });

    it('may change from inside what passes', () => {
      const rate = new BehaviorSubject(1_000_000);
      const { driver: io, clock } = drive({ rate });
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
      const { driver: io, clock } = drive({ rate });
      io.app.next(bytes(10));
      clock.advance(1);
      expect(down(io)).toBe(1);
      rate.next(1000);
      clock.advance(9);
      expect(down(io)).toBe(10);
    });

    it('lets nothing pass before its first value, then the burst', () => {
      const rate = new Subject<number>();
      const { driver: io, clock } = drive({ rate, burst: 5 });
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
      const { driver: io, clock } = drive({ rate: of(5, 1000), burst: 1 });
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
        const { driver: io, clock } = drive({ rate });
        io.app.next(bytes(10));
        later?.complete();
        expect(io.state).toBe('error');
        h.error(io.error, { code: 'EPROTOCOL', phase: 'write', layer: 'slow' });
        expect((io.error as Error).message).toBe(`${message} [EPROTOCOL]`);
        expect(clock.pending).toBe(0);
      }
      return Promise.resolve();
    });
  });

  describe('a shared budget', () => {
    it('is one for all connections: together they get the rate', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 10_000, burst: 100, shared: true });
      const all = Array.from({ length: 10 }, () => drive(plugin, clock).driver);
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
      const all = Array.from({ length: 3 }, () => drive(plugin, clock).driver);
      for (const io of all) io.app.next(bytes(2000));
      clock.advance(1000);
      expect(all.map(down)).toStrictEqual([1001, 1001, 1001]);
      for (const io of all) io.unsubscribe();
    });

    it('is fair: who wants little is served between those who want much, however their bytes are cut', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 100_000, burst: 1000, shared: true });
      const greedy = Array.from({ length: 99 }, () => drive(plugin, clock).driver);
      for (const io of greedy) io.app.next(bytes(60_000));
      const crumbs = drive(plugin, clock).driver;
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
      const [a, b] = [drive(plugin, clock).driver, drive(plugin, clock).driver];
      a.app.next(bytes(5000));
      b.app.next(bytes(5000));
      a.unsubscribe();
      const before = down(b);
      clock.advance(1000);
      expect(down(b) - before).toBe(1000);
      b.unsubscribe();
    });

    it('is not reset by a new connection', () => {
      const clock = new Clock();
      const plugin = throttleBytes({ rate: 1000, burst: 500, shared: true });
      const first = drive(plugin, clock).driver;
      first.app.next(bytes(500));
      first.unsubscribe();
      const second = drive(plugin, clock).driver;
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
      const [a, b] = [drive(plugin, clock).driver, drive(plugin, clock).driver];
      a.unsubscribe();
      expect([subscribed, rate.observed]).toStrictEqual([1, true]);
      b.unsubscribe();
      expect(rate.observed).toBe(false);
      const [c, d] = [drive(plugin, clock).driver, drive(plugin, clock).driver];
      rate.error(new Error('off'));
      expect([subscribed, c.state, d.state]).toStrictEqual([2, 'error', 'error']);
    });
  });

  describe('a rate that stays Infinity', () => {
    const wire = (): never => {
      throw new Error('not dialled');
    };

    it('adds nothing to the wire', () => {
      expect(throttleBytes({ rate: Infinity })(wire)).toBe(wire);
      expect(throttleBytes({ rate: Infinity, direction: 'up', burst: 1, shared: true })(wire)).toBe(wire);
      expect(throttleBytes({ rate: 1e9 })(wire)).not.toBe(wire);
    });

    it.each([true, false])('as an Observable that completes, removes the layer: a pause holds no bytes (shared: %s)', (shared) => {
      const plugin = throttleBytes({ rate: of(Infinity), shared });
      const clock = new Clock();
      for (const { driver } of [drive(plugin, clock), drive(plugin, clock)]) {
        driver.app.next(PAUSE);
        driver.wire.emit(bytes(10));
        driver.app.next(bytes(20));
        expect([up(driver), down(driver)]).toStrictEqual([10, 20]);
        expect(driver.wire.down[0]).toBe(PAUSE);
      }
    });

    it('keeps the layer while the rate may change, and while one direction is limited', () => {
      for (const options of [{ rate: new BehaviorSubject(Infinity) }, { rate: of(1e9) }, { rate: of(1e9, Infinity, 1e9) }]) {
        const { driver } = drive(options);
        driver.app.next(PAUSE);
        driver.wire.emit(bytes(10));
        expect(up(driver)).toBe(0);
        driver.unsubscribe();
      }
    });

    it('removes the layer only after the queued bytes, in order', () => {
      const rate = new BehaviorSubject(1);
      const { driver } = drive({ rate, burst: 1 });
      driver.app.next(PAUSE);
      driver.wire.emit(data('abc'));
      rate.next(Infinity);
      rate.complete();
      driver.wire.emit(data('def'));
      expect(up(driver)).toBe(0);
      driver.app.next(RESUME);
      driver.wire.emit(data('ghi'));
      expect(textOf(driver.up)).toBe('abcdefghi');
      driver.app.next(PAUSE);
      driver.wire.emit(data('jkl'));
      expect(textOf(driver.up)).toBe('abcdefghijkl');
      expect(inWords(driver.wire.down)).toStrictEqual(['pause', 'resume', 'pause']);
    });
  });
});
