import { createServer, type AddressInfo, type Socket } from 'node:net';
import { getEventListeners, once } from 'node:events';
import { config, EMPTY, catchError, firstValueFrom, lastValueFrom, retry, switchMap, take, tap, throwError } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import type { Persistent, PersistentOptions, UnsentReport } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { memoryPair, type MemoryPairOptions } from '../../src/testing/memory/memory-pair.ts';
import { ECLOSED, EOUTBUFLIMIT, IOStreamError, type IOStream, type IOStreamOptions, type Wire } from 'rxjs-io-stream';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { turns, unhandled, virtually, type Virtual } from '../stream/tools.ts';

const refusing: Wire = () => () => throwError(() => new IOStreamError('ECONNREFUSED', { phase: 'connect' }));

interface Stage {
  /** Whether an attempt is refused. */
  readonly refuse?: (attempt: number) => boolean;
  readonly pair?: MemoryPairOptions;
  readonly options?: Partial<IOStreamOptions>;
}

/** Creates a persistent stream on a virtual clock, and the peers of its attempts. Notes status, reports and what each peer receives. */
function staged(
  v: Virtual,
  settings: PersistentOptions = {},
  { refuse = () => false, pair = {}, options = {} }: Stage = {},
): { p: Persistent; peers: IOStream[] } {
  const peers: IOStream[] = [];
  const target = (attempt: number): IOStreamOptions => {
    if (refuse(attempt)) return { wire: refusing, scheduler: v.scheduler };
    const [near, far] = memoryPair(pair);
    const peer = v.stream({ wire: far });
    peers[attempt] = peer;
    peer.data$.subscribe({ next: (bytes) => v.note(`peer ${attempt}: ${bytes.toString()}`), error: () => {} });
    return { ...options, wire: near, scheduler: v.scheduler };
  };
  const p = persistent(target, { jitter: 0, scheduler: v.scheduler, ...settings });
  p.status$.subscribe({
    next: (status) => {
      const error = 'error' in status ? ` ${(status.error as IOStreamError).code}` : '';
      v.note(`${status.state} ${status.attempt}${error}${status.state === 'waiting' ? ` ${status.delay}` : ''}`);
    },
    complete: () => v.note('complete'),
  });
  p.unsent$.subscribe((report) => v.note(inShort(report)));
  return { p, peers };
}

function inShort({ attempt, error, writes }: UnsentReport): string {
  const each = writes.map(({ data, length, sent: left, written: given, kept }) => {
    const name = typeof data === 'string' && data.length < 20 ? data : `${length} bytes`;
    return `${name} ${left}-${given}${kept ? ' kept' : ''}`;
  });
  const { code = '' } = (error ?? {}) as { code?: string };
  return `unsent ${attempt}${code && ` ${code}`}: ${each.join(', ')}`;
}

describe('persistent', () => {
  it('redials after an error or a close, numbers its attempts, and resets the delays after a connection that lasted', () => {
    const log = virtually(100_000, (v) => {
      const { p, peers } = staged(v, { resetAfter: 5000 }, { refuse: (attempt) => attempt === 1 || attempt === 2 });
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

  it('queues writes while there is no connection, in order, after what a subscriber of stream$ writes', () => {
    const log = virtually(10_000, (v) => {
      const { p, peers } = staged(v, {}, { refuse: (attempt) => attempt === 2 });
      p.stream$.subscribe((io) => io.write('hello '));
      p.write('one ');
      v.at(10, () => p.write('two '));
      v.at(20, () => peers[1]?.reset());
      v.at(50, () => p.write('three '));
      v.at(200, () => p.write('four '));
      v.at(500, () => p.write('five '));
    });
    expect(log.filter((line) => /peer|unsent/.test(line))).toStrictEqual([
      '0 peer 1: hello one ',
      '10 peer 1: two ',
      '320 peer 3: hello three four ',
      '500 peer 3: five ',
    ]);
  });

  const scene = (settings: PersistentOptions): string[] =>
    virtually(1000, (v) => {
      // The wire accepts 1000 bytes, then pauses.
      const { p, peers } = staged(v, settings, { pair: { limit: 1000 } });
      v.at(10, () => peers[1]?.pause());
      v.at(20, () => p.write('a'.repeat(400)));
      v.at(30, () => p.write('b'.repeat(5000)));
      v.at(40, () => p.write('c'.repeat(30)));
      v.at(50, () => p.write('last'));
      v.at(60, () => peers[1]?.reset());
      v.at(900, () => v.note(`${p.pending} pending`));
    });

  it("keeps only writes that were not written to the wire, and reports all of them, with unsent: 'keep'", () => {
    expect(scene({ unsent: 'keep' })).toStrictEqual([
      '0 connecting 1',
      '0 connected 1',
      `60 unsent 1 ECONNRESET: 400 bytes 0-400, 5000 bytes 0-5000, 30 bytes 0-0 kept, last 0-0 kept`,
      '60 waiting 1 ECONNRESET 100',
      '160 connecting 2',
      '160 connected 2',
      `160 peer 2: ${'c'.repeat(30)}last`,
      '900 0 pending',
    ]);
  });

  it("drops and reports all unsent writes, with unsent: 'drop'", () => {
    expect(scene({ unsent: 'drop' }).slice(2)).toStrictEqual([
      '60 unsent 1 ECONNRESET: 400 bytes 0-400, 5000 bytes 0-5000, 30 bytes 0-0, last 0-0',
      '60 waiting 1 ECONNRESET 100',
      '160 connecting 2',
      '160 connected 2',
      '900 0 pending',
    ]);
  });

  it("ends with the error of the connection and reports all unsent writes, with unsent: 'error'", () => {
    expect(scene({ unsent: 'error' }).slice(2)).toStrictEqual([
      '60 unsent 1 ECONNRESET: 400 bytes 0-400, 5000 bytes 0-5000, 30 bytes 0-0, last 0-0',
      '60 closed 1 ECONNRESET',
      '60 complete',
      '900 0 pending',
    ]);
    // Without unsent writes it reconnects.
    const log = virtually(1000, (v) => {
      const { p, peers } = staged(v, { unsent: 'error' });
      p.write('x');
      v.at(10, () => peers[1]?.reset());
    });
    expect(log.at(-1)).toBe('110 connected 2');
  });

  it('reports how much of a write has been sent, and does not send the rest', () => {
    const log = virtually(1000, (v) => {
      const { p, peers } = staged(v, {}, { pair: { limit: 1000, bandwidth: 1_000_000 } });
      v.at(10, () => p.write('x'.repeat(300_000)));
      v.at(280, () => peers[1]?.reset());
    });
    const report = log.find((line) => line.includes('unsent'));
    // 256 KiB have been sent at 1 MB a second, and the rest was written to the wire.
    expect(report).toBe('280 unsent 1 ECONNRESET: 300000 bytes 262144-300000');
    assert(!log.some((line) => line.includes('peer 2')));
  });

  it('ends with the last error after `attempts` failures in a row', () => {
    const log = virtually(1000, (v) => {
      const { p } = staged(v, { attempts: 2 }, { refuse: () => true });
      p.stream$.subscribe({ error: (error: unknown) => v.note(`stream$ ${(error as IOStreamError).code}`) });
      p.write('lost');
    });
    expect(log).toStrictEqual([
      '0 connecting 1',
      '0 waiting 1 ECONNREFUSED 100',
      '100 connecting 2',
      '100 unsent 2 ECONNREFUSED: lost 0-0',
      '100 closed 2 ECONNREFUSED',
      '100 stream$ ECONNREFUSED',
      '100 complete',
    ]);
    // A connection that the peer closes at once counts as a failure, too.
    const closed = virtually(1000, (v) => {
      const { p, peers } = staged(v, { attempts: 2 });
      p.stream$.subscribe({ next: () => peers.at(-1)?.end(), error: () => {} });
    });
    expect(closed.at(-2)).toBe(`100 closed 2 ${ECLOSED}`);
  });

  it('rejects and reports writes over outBufLimit', () => {
    const log = virtually(1000, (v) => {
      const { p } = staged(v, { outBufLimit: 10 }, { refuse: (attempt) => attempt === 1 });
      v.note(`${p.write('0123456789')} ${p.write('more')} ${p.pending}`);
      v.note('reported later');
      v.at(500, () => v.note(String(p.write('again'))));
    });
    expect(log.filter((line) => !/ing|connected/.test(line))).toStrictEqual([
      '0 true false 10',
      '0 reported later',
      `0 unsent 0 ${EOUTBUFLIMIT}: more 0-0`,
      '100 peer 2: 0123456789',
      '500 true',
      '500 peer 2: again',
    ]);
  });

  it('emits on blocked$ when to stop writing, and when to go on', () => {
    const log = virtually(1000, (v) => {
      const { p } = staged(v, {}, { refuse: (attempt) => attempt === 1 });
      p.blocked$.subscribe({ next: (blocked) => v.note(`blocked ${blocked}`), complete: () => v.note('blocked completes') });
      v.note(String(p.write(new Uint8Array(65_535))));
      v.note(String(p.write('x')));
      v.at(500, () => p.close());
    });
    expect(log.filter((line) => /blocked|true|^\d+ false/.test(line))).toStrictEqual([
      '0 blocked false',
      '0 true',
      '0 blocked true',
      '0 false',
      '100 blocked false',
      '500 blocked completes',
    ]);
  });

  it('sends what it can when it is closed in any state, reports the rest, and accepts no further writes', () => {
    for (const [at, expected] of [
      [0, ['0 unsent 0: kept? 0-0', '0 closed 0', '0 complete']],
      [50, ['50 unsent 1: kept? 0-0', '50 closed 1', '50 complete']],
      [200, ['200 peer 2: more', '200 closed 2', '200 complete']],
    ] as const) {
      const log = virtually(1000, (v) => {
        const { p } = staged(v, {}, { refuse: (attempt) => attempt === 1 });
        p.write('kept?');
        const close = (): void => {
          if (at === 200) p.write('more');
          p.close();
          p.close();
          v.note(`takes ${p.write('x')}`);
        };
        if (at === 0) close();
        else v.at(at, close);
      });
      const after = log.slice(log.findIndex((line) => line.includes(at === 200 ? 'peer 2: more' : 'unsent')));
      expect(after.filter((line) => !line.includes('takes'))).toStrictEqual(expected);
      assert(log.some((line) => line.endsWith('takes false')));
    }
  });

  it('may be closed from inside any of its notifications', () => {
    for (const state of ['connecting', 'connected', 'waiting'] as const) {
      const log = virtually(1000, (v) => {
        const { p } = staged(v, {}, { refuse: () => state === 'waiting' });
        p.status$.subscribe((status) => {
          if (status.state === state) p.close();
        });
      });
      expect(log.slice(-2), state).toStrictEqual(['0 closed 1', '0 complete']);
    }
    const log = virtually(1000, (v) => {
      const { p } = staged(v, { unsent: 'drop' }, { refuse: () => true });
      p.unsent$.subscribe(() => p.close());
      p.write('x');
    });
    expect(log.slice(-2)).toStrictEqual(['0 closed 1', '0 complete']);
  });

  it('writes the queue to the connection even if a subscriber closes it at once', () => {
    for (const from of ['status$', 'stream$'] as const) {
      const log = virtually(10_000, (v) => {
        const { p } = staged(v);
        p.write('hello');
        if (from === 'stream$') p.stream$.subscribe(() => p.close());
        else p.status$.subscribe(({ state }) => state === 'connected' && p.close());
      });
      expect(log, from).toStrictEqual(['0 connecting 1', '0 connected 1', '0 peer 1: hello', '0 closed 1', '0 complete']);
    }
  });

  it('emits open streams only: a late or retried reader gets the next one', () => {
    const log = virtually(1000, (v) => {
      const { p, peers } = staged(v);
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
    const log = virtually(1000, (v) => {
      const { p, peers } = staged(v, {}, { options: { allowHalfOpen: true } });
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

  it('ends with the error for which retryIf returns false, and calls it with the report of the closed connection', () => {
    const log = virtually(10_000, (v) => {
      const retryIf: PersistentOptions['retryIf'] = (error, { attempt, failures, closed }) => {
        v.note(
          `asked ${(error as IOStreamError).code} ${attempt} ${failures} ${closed ? `${closed.by} ${closed.bytesIn}` : 'never connected'}`,
        );
        return attempt < 4;
      };
      const { p, peers } = staged(v, { retryIf }, { refuse: (attempt) => attempt === 1 });
      p.stream$.subscribe({ error: (error: unknown) => v.note(`stream$ ${(error as IOStreamError).code}`) });
      v.at(150, () => peers[2]?.end());
      v.at(1000, () => peers[3]?.write('hello'));
      v.at(1010, () => peers[3]?.reset());
      v.at(3000, () => peers[4]?.reset());
    });
    expect(log.filter((line) => /asked|waiting|closed|stream/.test(line))).toStrictEqual([
      '0 asked ECONNREFUSED 1 1 never connected',
      '0 waiting 1 ECONNREFUSED 100',
      '150 waiting 2 200',
      '1010 asked ECONNRESET 3 3 error 5',
      '1010 waiting 3 ECONNRESET 400',
      '3000 asked ECONNRESET 4 4 error 0',
      '3000 closed 4 ECONNRESET',
      '3000 stream$ ECONNRESET',
    ]);
  });

  it('ends with what retryIf throws', () => {
    const log = virtually(1000, (v) => {
      const retryIf = (): never => {
        throw Object.assign(new Error('mine'), { code: 'EMINE' });
      };
      staged(v, { retryIf }, { refuse: () => true });
    });
    expect(log).toStrictEqual(['0 connecting 1', '0 closed 1 EMINE', '0 complete']);
  });

  it('ends after the first connection that closes without an error on either side, with repeat: false', () => {
    for (const end of [
      (_: Persistent, peer?: IOStream) => peer?.end(),
      (p: Persistent) => p.stream$.pipe(take(1)).subscribe((io) => io.close()),
    ]) {
      const log = virtually(1000, (v) => {
        const { p, peers } = staged(v, { repeat: false });
        v.at(10, () => peers[1]?.reset());
        v.at(200, () => end(p, peers[2]));
        p.stream$.subscribe({ complete: () => v.note('stream$ completes') });
      });
      expect(log.slice(2)).toStrictEqual([
        '10 waiting 1 ECONNRESET 100',
        '110 connecting 2',
        '110 connected 2',
        '200 closed 2',
        '200 complete',
        '200 stream$ completes',
      ]);
    }
  });

  it('ends at once when its signal aborts during a delay', () => {
    const log = virtually(1000, (v) => {
      const abort = new AbortController();
      staged(v, { initial: 500 }, { options: { signal: abort.signal } }).p.stream$.subscribe({
        next: (io) => io.reset(),
        error: (error: unknown) => v.note((error as Error).name),
      });
      v.at(10, () => abort.abort());
    });
    expect(log.slice(2)).toStrictEqual(['0 waiting 1 500', '10 closed 1 ABORT_ERR', '10 AbortError', '10 complete']);
  });

  it('has one listener on its signal while it waits, and none after the end', () => {
    const log = virtually(10_000, (v) => {
      const { signal } = new AbortController();
      const p = persistent({ wire: refusing, signal, scheduler: v.scheduler }, { jitter: 0, scheduler: v.scheduler, attempts: 4 });
      p.status$.subscribe(({ state, attempt }) => {
        if (state !== 'connecting') v.note(`${state} ${attempt}: ${getEventListeners(signal, 'abort').length}`);
      });
    });
    expect(log).toStrictEqual(['0 waiting 1: 1', '100 waiting 2: 1', '300 waiting 3: 1', '700 closed 4: 0']);
  });

  it('ends without an error when a subscriber of status$ closes it because of an error', () => {
    const log = virtually(10_000, (v) => {
      const { p } = staged(v, {}, { refuse: () => true });
      p.status$.subscribe((status) => 'error' in status && (status.error as IOStreamError).code === 'ECONNREFUSED' && p.close());
    });
    expect(log).toStrictEqual(['0 connecting 1', '0 waiting 1 ECONNREFUSED 100', '0 closed 1', '0 complete']);
  });

  it('counts a throw of the target function as a failed attempt, and ends with a TypeError', () => {
    const log = virtually(1000, (v) => {
      let asked = 0;
      const p = persistent(
        (attempt) => {
          asked = attempt;
          if (attempt === 1) throw new Error('no address today');
          return { host: '', port: 1 };
        },
        { scheduler: v.scheduler, jitter: 0 },
      );
      p.status$.subscribe((status) =>
        v.note(`${asked} ${status.state}${'error' in status ? ` ${String(status.error).slice(0, 25)}` : ''}`),
      );
    });
    expect(log).toStrictEqual([
      '0 0 connecting',
      '0 1 waiting Error: no address today',
      '100 1 connecting',
      '100 2 closed TypeError: usage: new IOS',
    ]);
  });

  it('ends when its signal aborts during a connection', () => {
    const log = virtually(1000, (v) => {
      const abort = new AbortController();
      const { p } = staged(v, {}, { options: { signal: abort.signal } });
      p.stream$.subscribe({ error: (error: unknown) => v.note((error as Error).name) });
      v.at(10, () => abort.abort());
    });
    expect(log.slice(2)).toStrictEqual(['10 closed 1 ABORT_ERR', '10 AbortError', '10 complete']);
  });

  spec('reports a final error only if it is unhandled', async (h) => {
    const lost = unhandled(h);
    const port = await deadPort();
    persistent({ host: '127.0.0.1', port }, { initial: 1, attempts: 3 });
    await h.until(() => lost.length > 0);
    h.error(lost[0], { code: 'ECONNREFUSED' });
    const heard = persistent({ host: '127.0.0.1', port }, { initial: 1, attempts: 2 });
    await h.observed(heard.stream$).ended;
    const closed = persistent({ host: '127.0.0.1', port }, { initial: 1 });
    await turns(50);
    closed.close();
    await turns();
    expect(lost.length).toBe(1);
    assert(config.onUnhandledError);
  });

  spec('sends each write once and in order, across resets of real sockets', async (h) => {
    const { port, sockets, heard } = await listening(h);
    const p = persistent(() => ({ host: '127.0.0.1', port }), { initial: 1, max: 5 });
    const reports = h.observed(p.unsent$);
    const status = h.observed(p.status$);
    const back = h.observed(p.stream$.pipe(switchMap((io) => io.data$.pipe(catchError(() => EMPTY)))));
    const all = Array.from({ length: 300 }, (_, at) => `${at + 1}\n`);
    for (const [at, line] of all.entries()) {
      p.write(line);
      if (at % 50 !== 49) continue;
      await h.until(() => p.pending === 0 && heard().endsWith(line));
      sockets.at(-1)?.resetAndDestroy();
      await h.until(() => status.values.at(-1)?.state !== 'connected', 'the reset is noticed');
    }
    await h.until(() => sockets.length === 7);
    expect(heard()).toBe(all.join(''));
    expect(reports.values).toStrictEqual([]);
    expect([back.state, status.values.at(-1)?.attempt]).toStrictEqual(['open', 7]);
    p.close();
    expect((await back.ended).state).toBe('complete');
    // A late subscriber gets the end, too.
    expect((await firstValueFrom(p.status$)).state).toBe('closed');
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
    const p = persistent(() => target);
    p.status$.subscribe();
    expect(() => p.write(1 as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^expected the data of write\(\)/) }),
    );
    const expected = 'expected persistent() to get the options of a connection, or a function that returns them, got';
    const instead = 'write persistent({ host, port }), it connects by itself';
    expect(() => call(EMPTY)).toThrow(expect.objectContaining({ name: 'TypeError', message: `${expected} an Observable; ${instead}` }));
    expect(() => call(p)).toThrow(expect.objectContaining({ name: 'TypeError', message: `${expected} a stream; ${instead}` }));
    expect(() => call(Promise.resolve(target))).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/a Promise/) }),
    );
    p.close();
  });

  it('ends with a TypeError that names what the target function returned instead of options', async () => {
    for (const [wrong, name] of [
      [Promise.resolve(1), /a Promise/],
      [EMPTY, /an Observable/],
      [undefined, /usage/],
    ] as const) {
      const error = await lastValueFrom(persistent(() => wrong as never).stream$).catch((each: unknown) => each);
      assert(error instanceof TypeError);
      expect(error.message).toMatch(name);
    }
  });

  it('keeps a copy of its options, own properties only', () => {
    const log = virtually(1000, (v) => {
      const options: { wire: Wire; scheduler: Virtual['scheduler'] } = { wire: refusing, scheduler: v.scheduler };
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
    const log = virtually(1000, (v) => {
      const { write, close } = staged(v).p;
      write('hello');
      v.at(10, close);
    });
    expect(log).toStrictEqual(['0 connecting 1', '0 connected 1', '0 peer 1: hello', '10 closed 1', '10 complete']);
  });
});

async function listening(h: Harness): Promise<{ port: number; sockets: Socket[]; heard: () => string }> {
  const sockets: Socket[] = [];
  let all = '';
  const server = createServer(
    h.peer((socket: Socket) => {
      sockets.push(socket.on('error', () => {}));
      socket.on('data', (bytes) => (all += bytes.toString()));
    }),
  ).listen(0, '127.0.0.1');
  h.defer(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets, heard: () => all };
}
