import { getEventListeners } from 'node:events';
import { config, EMPTY, lastValueFrom, take } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import type { Persistent, PersistentOptions } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { ECLOSED, type IOStreamError, type IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { turns, unhandled, inVirtualTime } from '../stream/tools.ts';
import { refusing, notedPersistent } from './persistent-tools.ts';

describe('the end of a persistent stream', () => {
  it('ends with the last error after `attempts` failures in a row', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { attempts: 2 }, { refuse: () => true });
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
    const closed = inVirtualTime(1000, (v) => {
      const { p, peers } = notedPersistent(v, { attempts: 2 });
      p.stream$.subscribe({ next: () => peers.at(-1)?.end(), error: () => {} });
    });
    expect(closed.at(-2)).toBe(`100 closed 2 ${ECLOSED}`);
  });

  it('may be closed from inside any of its notifications', () => {
    for (const state of ['connecting', 'connected', 'waiting'] as const) {
      const log = inVirtualTime(1000, (v) => {
        const { p } = notedPersistent(v, {}, { refuse: () => state === 'waiting' });
        p.status$.subscribe((status) => {
          if (status.state === state) p.close();
        });
      });
      expect(log.slice(-2), state).toStrictEqual(['0 closed 1', '0 complete']);
    }
    const log = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { unsent: 'drop' }, { refuse: () => true });
      p.unsent$.subscribe(() => p.close());
      p.write('x');
    });
    expect(log.slice(-2)).toStrictEqual(['0 closed 1', '0 complete']);
  });

  it('ends with the error for which retryIf returns false, and calls it with the report of the closed connection', () => {
    const log = inVirtualTime(10_000, (v) => {
      const retryIf: PersistentOptions['retryIf'] = (error, { attempt, failures, closed }) => {
        v.note(
          `asked ${(error as IOStreamError).code} ${attempt} ${failures} ${closed ? `${closed.by} ${closed.bytesIn}` : 'never connected'}`,
        );
        return attempt < 4;
      };
      const { p, peers } = notedPersistent(v, { retryIf }, { refuse: (attempt) => attempt === 1 });
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
    const log = inVirtualTime(1000, (v) => {
      const retryIf = (): never => {
        throw Object.assign(new Error('mine'), { code: 'EMINE' });
      };
      notedPersistent(v, { retryIf }, { refuse: () => true });
    });
    expect(log).toStrictEqual(['0 connecting 1', '0 closed 1 EMINE', '0 complete']);
  });

  it('ends after the first connection that closes without an error on either side, with repeat: false', () => {
    for (const end of [
      (_: Persistent, peer?: IOStream) => peer?.end(),
      (p: Persistent) => p.stream$.pipe(take(1)).subscribe((io) => io.close()),
    ]) {
      const log = inVirtualTime(1000, (v) => {
        const { p, peers } = notedPersistent(v, { repeat: false });
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
    const log = inVirtualTime(1000, (v) => {
      const abort = new AbortController();
      notedPersistent(v, { initial: 500 }, { options: { signal: abort.signal } }).p.stream$.subscribe({
        next: (io) => io.reset(),
        error: (error: unknown) => v.note((error as Error).name),
      });
      v.at(10, () => abort.abort());
    });
    expect(log.slice(2)).toStrictEqual(['0 waiting 1 500', '10 closed 1 ABORT_ERR', '10 AbortError', '10 complete']);
  });

  it('has one listener on its signal while it waits, and none after the end', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { signal } = new AbortController();
      const p = persistent({ wire: refusing, signal, scheduler: v.scheduler }, { jitter: 0, scheduler: v.scheduler, attempts: 4 });
      p.status$.subscribe(({ state, attempt }) => {
        if (state !== 'connecting') v.note(`${state} ${attempt}: ${getEventListeners(signal, 'abort').length}`);
      });
    });
    expect(log).toStrictEqual(['0 waiting 1: 1', '100 waiting 2: 1', '300 waiting 3: 1', '700 closed 4: 0']);
  });

  it('ends without an error when a subscriber of status$ closes it because of an error', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { p } = notedPersistent(v, {}, { refuse: () => true });
      p.status$.subscribe((status) => 'error' in status && (status.error as IOStreamError).code === 'ECONNREFUSED' && p.close());
    });
    expect(log).toStrictEqual(['0 connecting 1', '0 waiting 1 ECONNREFUSED 100', '0 closed 1', '0 complete']);
  });

  it('counts a throw of the target function as a failed attempt, and ends with a TypeError', () => {
    const log = inVirtualTime(1000, (v) => {
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
      '0 1 connecting',
      '0 1 waiting Error: no address today',
      '100 2 connecting',
      '100 2 closed TypeError: usage: new IOS',
    ]);
  });

  it('ends when its signal aborts during a connection', () => {
    const log = inVirtualTime(1000, (v) => {
      const abort = new AbortController();
      const { p } = notedPersistent(v, {}, { options: { signal: abort.signal } });
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
    const received = persistent({ host: '127.0.0.1', port }, { initial: 1, attempts: 2 });
    await h.observed(received.stream$).ended;
    const closed = persistent({ host: '127.0.0.1', port }, { initial: 1 });
    await turns(50);
    closed.close();
    await turns();
    expect(lost.length).toBe(1);
    assert(config.onUnhandledError);
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
});
