import { EMPTY, retry, switchMap, take, tap, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Persistent } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { IOStreamError, type Wire } from 'rxjs-io-stream';
import { inVirtualTime, type VirtualTime } from '../stream/tools.ts';
import { refusing, notedPersistent, targetWithPeers } from './persistent-tools.ts';

describe('persistent', () => {
  it('redials after an error or a close, numbers its attempts, and resets the delays after a connection that lasted', () => {
    const log = inVirtualTime(100_000, (v) => {
      const { p, peers } = notedPersistent(v, { resetAfter: 5000 }, { refuse: (attempt) => attempt === 1 || attempt === 2 });
      v.at(1000, () => peers[3]?.reset());
      v.at(2000, () => peers[4]?.end());
      v.at(9000, () => peers[5]?.reset());
      v.at(20_000, () => p.close());
    });
    expect(log).toStrictEqual([
      '0 connecting 1',
      '0 waiting 1 ECONNREFUSED 100',
      '100 connecting 2',
      '100 waiting 2 ECONNREFUSED 200',
      '300 connecting 3',
      '300 connected 3',
      '1000 waiting 3 ECONNRESET 400',
      '1400 connecting 4',
      '1400 connected 4',
      '2000 waiting 4 800',
      '2800 connecting 5',
      '2800 connected 5',
      '9000 waiting 5 ECONNRESET 100',
      '9100 connecting 6',
      '9100 connected 6',
      '20000 closed 6',
      '20000 complete',
    ]);
  });

  it('emits open streams only: a late or retried reader gets the next one', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p, peers } = notedPersistent(v);
      const read = (name: string): void => {
        p.stream$
          .pipe(
            tap((io) => v.note(`${name} gets a stream, ${io.state}`)),
            switchMap((io) => io.data$),
            retry(),
          )
          .subscribe((bytes) => v.note(`${name}: ${bytes.toString()}`));
      };
      read('first');
      v.at(10, () => peers[1]?.reset());
      v.at(50, () => read('while there is none'));
      v.at(200, () => peers[2]?.write('hello'));
      // The stream that the first subscriber closes is not emitted to the second one.
      v.at(210, () => p.stream$.pipe(take(1)).subscribe((io) => io.close()));
      v.at(210, () => read('behind the close'));
    });
    expect(log.filter((line) => /gets|hello/.test(line))).toStrictEqual([
      '0 first gets a stream, open',
      '110 first gets a stream, open',
      '110 while there is none gets a stream, open',
      '200 first: hello',
      '200 while there is none: hello',
      '410 first gets a stream, open',
      '410 while there is none gets a stream, open',
      '410 behind the close gets a stream, open',
    ]);
  });

  it('emits no stream whose peer has ended, and none that an earlier subscriber has closed', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p, peers } = notedPersistent(v, {}, { options: { allowHalfOpen: true } });
      let closes = true;
      p.stream$.subscribe((io) => {
        if (!closes) return;
        closes = false;
        io.reset();
      });
      p.stream$.subscribe(() => v.note('second'));
      v.at(200, () => peers[2]?.end());
      v.at(210, () => p.stream$.subscribe(() => v.note('late')));
      v.at(300, () => p.stream$.subscribe({ complete: () => v.note('over') }));
      v.at(310, () => p.close());
    });
    expect(log.filter((line) => /second|late|over/.test(line))).toStrictEqual(['100 second', '310 over']);
  });

  it('throws a TypeError for wrong arguments at the call', () => {
    const call = persistent as (options: unknown, settings?: unknown) => unknown;
    expect(() => call({ host: 'x' })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`host` without `port`/) }),
    );
    expect(() => call(undefined)).toThrow(expect.objectContaining({ name: 'TypeError' }));
    const target = { host: '127.0.0.1', port: 1 };
    expect(() => call(target, { unsent: 'lose' })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: "expected `unsent` to be 'keep', 'drop' or 'error', got \"lose\" (string)" }),
    );
    expect(() => call(target, { repeat: 1 })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: 'expected `repeat` to be true or false, got 1 (number)' }),
    );
    expect(() => call(target, { retryIf: 1 })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^expected `retryIf`/) }),
    );
    expect(() => call(target, { outBufLimit: -1 })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^expected `outBufLimit`/) }),
    );
    expect(() => call(target, { initial: -1 })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^expected `initial`/) }),
    );
    for (const [settings, message] of [
      [{ dial: 'later' }, "expected `dial` to be 'now' or 'demand', got \"later\" (string)"],
      [{ wake$: 1 }, "expected `wake$` to be an Observable, such as fromEvent(window, 'online'), got 1 (number)"],
      [{ idleClose: -1 }, 'expected `idleClose` to be milliseconds, 0 or Infinity for never, got -1 (number)'],
      [{ maxSilence: '1' }, 'expected `maxSilence` to be milliseconds, 0 or Infinity for never, got "1" (string)'],
      [{ preferAfter: NaN }, 'expected `preferAfter` to be milliseconds, 0 or more, got NaN (number)'],
    ] as const)
      expect(() => call(target, settings)).toThrow(expect.objectContaining({ name: 'TypeError', message }));
    expect(() => call([])).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/a list of them, .*got an empty list$/) }),
    );
    expect(() => call([target, { host: 'x' }])).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`host` without `port`/) }),
    );
    const p = persistent(() => target);
    p.status$.subscribe();
    expect(() => p.write(1 as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^expected the data of write\(\)/) }),
    );
    const expected = 'expected persistent() to get the options of a connection, a list of them, or a function that returns them, got';
    const instead = 'write persistent({ host, port }), it connects by itself';
    expect(() => call(EMPTY)).toThrow(expect.objectContaining({ name: 'TypeError', message: `${expected} an Observable; ${instead}` }));
    expect(() => call(p)).toThrow(expect.objectContaining({ name: 'TypeError', message: `${expected} a stream; ${instead}` }));
    expect(() => call(Promise.resolve(target))).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/a Promise/) }),
    );
    p.close();
  });

  it('has the same fields in each status, and delays in whole milliseconds', () => {
    const delays: (number | undefined)[] = [];
    const fields = new Set<string>();
    inVirtualTime(10_000, (v) => {
      const settings = { scheduler: v.scheduler, initial: 33, factor: 1.7, attempts: 8, random: () => 0.37 };
      const { target } = targetWithPeers(v, { refuse: () => true });
      persistent(target, settings).status$.subscribe(({ state, error, delay, io }) => {
        fields.add(`${state}: ${[error, delay, io].map((each) => typeof each).join()}`);
        if (state === 'waiting') delays.push(delay);
      });
    });
    expect(delays).toStrictEqual([27, 46, 78, 132, 225, 382, 649]);
    expect([...fields]).toStrictEqual([
      'connecting: undefined,undefined,undefined',
      'waiting: object,number,undefined',
      'closed: object,undefined,undefined',
    ]);
  });

  it('emits the delay as it was at the failure, although time passes before the status', () => {
    const delays: (number | undefined)[] = [];
    inVirtualTime(1000, (v) => {
      let drift = 0;
      const now = (): number => v.scheduler.now() + (drift += 0.6);
      const schedule = v.scheduler.schedule.bind(v.scheduler);
      const settings = { scheduler: { now, schedule }, initial: 1, factor: 1, jitter: 0, attempts: 3 };
      persistent({ wire: refusing, scheduler: v.scheduler }, settings).status$.subscribe(({ delay }) => delays.push(delay));
    });
    expect(delays.filter((delay) => delay !== undefined)).toStrictEqual([1, 1]);
  });

  it('keeps a copy of its options, own properties only', () => {
    const log = inVirtualTime(1000, (v) => {
      const options: { wire: Wire; scheduler: VirtualTime['scheduler'] } = { wire: refusing, scheduler: v.scheduler };
      const settings = { attempts: 2, jitter: 0, scheduler: v.scheduler };
      const prototype = Object.prototype as unknown as Record<string, unknown>;
      prototype.attempts = prototype.repeat = prototype.unsent = 1;
      let p: Persistent;
      try {
        p = persistent(options, settings);
      } finally {
        delete prototype.attempts;
        delete prototype.repeat;
        delete prototype.unsent;
      }
      settings.attempts = 1;
      options.wire = () => () => throwError(() => new IOStreamError('EOTHER', { phase: 'connect' }));
      p.status$.subscribe((status) => v.note(`${status.state}${'error' in status ? ` ${(status.error as IOStreamError).code}` : ''}`));
    });
    expect(log).toStrictEqual(['0 connecting', '0 waiting ECONNREFUSED', '100 connecting', '100 closed ECONNREFUSED']);
  });

  it('has methods that may be destructured', () => {
    const log = inVirtualTime(1000, (v) => {
      const { write, close } = notedPersistent(v).p;
      write('hello');
      v.at(10, close);
    });
    expect(log).toStrictEqual(['0 connecting 1', '0 connected 1', '0 peer 1: hello', '10 closed 1', '10 complete']);
  });
});
