import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { framed } from '../../src/codecs/framed/framed.ts';
import { requests } from '../../src/codecs/requests/requests.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { codec, scene } from '../codecs/persistent-messages.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { inVirtualTime, turns, unhandled } from '../stream/tools.ts';
import { noteStatus, notedPersistent } from './persistent-tools.ts';

const dial = 'demand';

describe("a persistent stream with dial: 'demand'", () => {
  it('is idle until the first write, also with readers', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { dial });
      p.stream$.subscribe();
      framed(p, codec).messages$.subscribe();
      p.write('');
      v.at(50, () => p.write('hello'));
    });
    expect(log).toStrictEqual(['0 idle 0', '50 connecting 1', '50 connected 1', '50 peer 1: hello']);
  });

  it('connects at once for a write or connect() in the tick of its creation', () => {
    for (const [call, bytes] of [
      ['write', ['0 peer 1: hello']],
      ['connect', []],
    ] as const) {
      const log = inVirtualTime(1000, (v) => {
        const { p } = notedPersistent(v, { dial });
        if (call === 'write') p.write('hello');
        else p.connect();
      });
      expect(log, call).toStrictEqual(['0 connecting 1', '0 connected 1', ...bytes]);
    }
  });

  it('connects by connect() and by a value of wake$, and dials until there is a connection', () => {
    for (const how of ['connect', 'wake$'] as const) {
      const log = inVirtualTime(1000, (v) => {
        const wake$ = new Subject<void>();
        const { p } = notedPersistent(v, { dial, wake$ }, { refuse: (attempt) => attempt < 3 });
        v.at(10, () => (how === 'connect' ? p.connect() : wake$.next()));
      });
      expect(log, how).toStrictEqual([
        '0 idle 0',
        '10 connecting 1',
        '10 waiting 1 ECONNREFUSED 100',
        '110 connecting 2',
        '110 waiting 2 ECONNREFUSED 200',
        '310 connecting 3',
        '310 connected 3',
      ]);
    }
  });

  it('is idle after a loss without pending writes, and keeps the delay of that loss', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p, peers } = notedPersistent(v, { dial });
      v.at(10, () => p.write('one'));
      v.at(20, () => peers[1]?.reset());
      v.at(30, () => p.write('two ')); // 10 ms after the loss: the rest of the delay is 90 ms
      v.at(40, () => p.write('three'));
      v.at(200, () => peers[2]?.end());
      v.at(700, () => p.write('four')); // after the delay
    });
    expect(log).toStrictEqual([
      '0 idle 0',
      '10 connecting 1',
      '10 connected 1',
      '10 peer 1: one',
      '20 idle 1 ECONNRESET',
      '30 waiting 1 ECONNRESET 90',
      '120 connecting 2',
      '120 connected 2',
      '120 peer 2: two three',
      '200 idle 2',
      '700 connecting 3',
      '700 connected 3',
      '700 peer 3: four',
    ]);
  });

  it('dials again while writes are kept, and is idle after they were dropped', () => {
    const kept = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { dial }, { refuse: (attempt) => attempt < 3 });
      v.at(10, () => p.write('hello'));
    });
    expect(kept.slice(-2)).toStrictEqual(['310 connected 3', '310 peer 3: hello']);
    const dropped = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { dial, unsent: 'drop' }, { refuse: () => true });
      v.at(10, () => p.write('one'));
      v.at(50, () => p.write('two'));
    });
    expect(dropped).toStrictEqual([
      '0 idle 0',
      '10 connecting 1',
      '10 unsent 1 ECONNREFUSED: one 0-0',
      '10 idle 1 ECONNREFUSED',
      '50 waiting 1 ECONNREFUSED 60',
      '110 connecting 2',
      '110 unsent 2 ECONNREFUSED: two 0-0',
      '110 idle 2 ECONNREFUSED',
    ]);
  });

  it('ends as ever: by attempts, by retryIf, by unsent, and by an end with repeat: false', () => {
    const lastOf = (settings: object, end: 'end' | 'reset' | 'refuse'): string | undefined =>
      inVirtualTime(1000, (v) => {
        const { p, peers } = notedPersistent(v, { dial, ...settings }, { refuse: () => end === 'refuse' });
        v.at(10, () => p.write('hello'));
        v.at(20, () => (end === 'end' ? peers[1]?.end() : peers[1]?.reset()));
      }).at(-2);
    expect(lastOf({ attempts: 1 }, 'reset')).toBe('20 closed 1 ECONNRESET');
    expect(lastOf({ retryIf: () => false }, 'reset')).toBe('20 closed 1 ECONNRESET');
    expect(lastOf({ unsent: 'error' }, 'refuse')).toBe('10 closed 1 ECONNREFUSED');
    expect(lastOf({ repeat: false }, 'end')).toBe('20 closed 1');
  });

  it('may be closed, or aborted, while it is idle', () => {
    const closed = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { dial });
      p.stream$.subscribe({ complete: () => v.note('stream$ completes') });
      v.at(10, () => p.close());
      v.at(20, () => {
        p.connect();
        v.note(`takes ${p.write('x')}`);
      });
    });
    expect(closed).toStrictEqual(['0 idle 0', '10 closed 0', '10 complete', '10 stream$ completes', '20 takes false']);
    for (const at of [0, 10, 50]) {
      const aborted = inVirtualTime(1000, (v) => {
        const abort = new AbortController();
        const wire = () => (): never => expect.fail('it dials');
        const p = persistent({ wire, scheduler: v.scheduler, signal: abort.signal }, { dial, scheduler: v.scheduler });
        if (at === 0) abort.abort();
        else v.at(at, () => abort.abort());
        noteStatus(v, p);
      });
      const first = at === 0 ? [] : ['0 idle 0'];
      expect(aborted).toStrictEqual([...first, `${at} closed 0 ABORT_ERR`, `${at} complete`]);
    }
  });

  it('does not dial for a write, or connect(), before a close in the same tick', () => {
    for (const call of ['write', 'connect'] as const) {
      const log = inVirtualTime(1000, (v) => {
        const { p } = notedPersistent(v, { dial });
        v.at(10, () => {
          p[call]('x');
          p.close();
        });
      });
      expect(log.filter((line) => !line.includes('unsent'))).toStrictEqual(['0 idle 0', '10 closed 0', '10 complete']);
    }
  });

  it('may be closed from inside the notification of `idle`, and written to', () => {
    const closed = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { dial });
      p.status$.subscribe(({ state }) => state === 'idle' && p.close());
    });
    expect(closed).toStrictEqual(['0 idle 0', '0 closed 0', '0 complete']);
    const written = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { dial });
      p.status$.subscribe(({ state }) => state === 'idle' && p.write('hello'));
    });
    expect(written).toStrictEqual(['0 idle 0', '0 connecting 1', '0 connected 1', '0 peer 1: hello']);
  });

  it('carries requests: each may dial, and one that was lost is not sent again', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v, { dial });
      noteStatus(v, line);
      const { request } = requests(framed(line, codec));
      v.at(10, () => note('a', request('a')));
      v.at(20, () => peers[1]?.write('to a\n'));
      v.at(30, () => peers[1]?.end());
      v.at(500, () => note('b', request('b')));
      v.at(510, () => peers[2]?.reset());
    });
    expect(log).toStrictEqual([
      '0 idle 0',
      '10 connecting 1',
      '10 connected 1',
      '10 peer 1: a',
      '20 a: to a',
      '20 a: complete',
      '30 idle 1',
      '500 connecting 2',
      '500 connected 2',
      '500 peer 2: b',
      '510 b: ECONNRESET',
      '510 idle 2 ECONNRESET',
    ]);
  });

  spec('reports no error and leaves nothing open while it is idle after a refused attempt', async (h) => {
    const reported = unhandled(h);
    const p = persistent({ host: '127.0.0.1', port: await deadPort() }, { dial, unsent: 'drop' });
    const states = h.observed(p.status$);
    p.write('hello');
    await h.until(() => states.values.at(-1)?.state === 'idle');
    await turns();
    expect(reported).toStrictEqual([]);
    p.close();
    expect((await states.ended).state).toBe('complete');
  });
});
