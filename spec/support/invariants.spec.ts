import { createServer } from 'node:net';
import { once } from 'node:events';
import { NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Harness } from './harness.ts';
import { invariants } from './invariants.ts';
import { cpuTime } from './cpu-time.ts';

/** Returns the message with which the work fails, or 'passed'. */
async function messageOf(work: (h: Harness) => unknown, options = {}): Promise<string> {
  try {
    await invariants(work, options)();
  } catch (error) {
    return (error as Error).message;
  }
  return 'passed';
}

describe('invariants', () => {
  it('lets a clean spec pass', async () => {
    const message = await messageOf(async (h) => {
      const server = createServer(h.peer((socket) => socket.end('hello'))).listen(0, '127.0.0.1');
      h.defer(() => server.close());
      await once(server, 'listening');
      const seen = h.observed(of(1, 2));
      h.observed(NEVER);
      expect([(await seen.ended).state, seen.values]).toStrictEqual(['complete', [1, 2]]);
    });
    expect(message).toBe('passed');
  });

  it('throws what the spec throws', async () => {
    expect(
      await messageOf(() => {
        throw new Error('mine');
      }),
    ).toBe('mine');
  });

  it('reports a CONNECTED after a fatal error', async () => {
    const message = await messageOf((h) => {
      const cb = h.cb();
      cb(undefined, 0, new Error('fatal'));
      cb(undefined, 2);
    });
    expect(message).toMatch(/^cb reported CONNECTED in or after a fatal error/);
  });

  it('reports a handle that remains', async () => {
    const server = createServer();
    const message = await messageOf(async () => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    server.close();
    expect(message).toMatch(/a second after the end there are still.*TCPServerWrap/);
  });

  it('reports a timer that remains, also after unref', async () => {
    let timer: NodeJS.Timeout | undefined;
    const message = await messageOf(() => (timer = setTimeout(() => {}, 60_000).unref()));
    clearTimeout(timer);
    expect(message).toMatch(/a second after the end there are still.*1 × timer/);
  });

  it('reports an uncaught exception, a rejection and a warning', async () => {
    const message = await messageOf(() => {
      setImmediate(() => {
        throw new Error('thrown');
      });
      void Promise.reject(new Error('rejected'));
      process.emitWarning('warned');
    });
    expect(message).toMatch(/uncaughtException reached the process: Error: thrown/);
    expect(message).toMatch(/unhandledRejection reached the process: Error: rejected/);
    expect(message).toMatch(/warning reached the process: Warning: warned/);
  });

  it('allows a warning that the spec expects', async () => {
    expect(await messageOf(() => process.emitWarning('warned'), { warnings: /warned/ })).toBe('passed');
  });

  it('reports where two streams of bytes differ', async () => {
    expect(await messageOf((h) => h.sameBytes(['ab', 'c'], 'abd'))).toMatch(/^expected 3 bytes, got 3; they differ from byte 2 on/);
    expect(await messageOf((h) => h.sameBytes(['ab', 'c'], ['a', Buffer.from('bc')]))).toBe('passed');
  });

  it('reports a secret in a cause, and a missing phase', async () => {
    const leak = new Error('no', { cause: new Error('was hunter2') });
    const message = await messageOf((h) => {
      h.secret('hunter2');
      h.observed(throwError(() => leak));
    });
    expect(message).toMatch(/an error contains a secret in its util\.inspect/);
    const nameless = Object.assign(new Error('x'), { name: 'IOStreamError', code: 'EX', errno: 1 });
    expect(await messageOf((h) => void h.observed(throwError(() => nameless)))).toMatch(/error EX has no phase/);
  });

  it('reports a busy process', async () => {
    const load = setInterval(() => spin(20), 100);
    const message = await messageOf(() => {}, { idle: true });
    clearInterval(load);
    expect(message).toMatch(/^the idle process used \d+(\.\d+)? ms of CPU/);
  });

  it('reports an error of a peer, thrown at once or later', async () => {
    const message = await messageOf(async (h) => {
      h.peer(() => expect.unreachable('at once'))();
      await h.peer(async () => expect.unreachable('later'))();
    });
    expect(message).toMatch(/the peer threw[^]*at once[^]*the peer threw[^]*later/);
  });

  it('records values and the end, and waits for both', async () => {
    await invariants(async (h) => {
      const source$ = new Subject<number>();
      const seen = h.observed(source$);
      const second = seen.value((each) => each === 2);
      source$.next(1);
      source$.next(2);
      expect(await second).toBe(2);
      source$.complete();
      await expect(seen.value((each) => each === 3)).rejects.toThrow(/it is over \(complete\)/);
    })();
  });

  it('unsubscribes Observables that are still open', async () => {
    let freed = false;
    await invariants((h) => void h.observed(new Observable(() => () => (freed = true))))();
    expect(freed).toBe(true);
  });
});

/** Uses the CPU for this time. On a busy machine, the wall clock runs faster. */
function spin(ms: number): void {
  const end = cpuTime() + ms;
  while (cpuTime() < end);
}
