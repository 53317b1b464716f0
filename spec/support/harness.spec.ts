import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { describe, it } from 'vitest';
import { invariants, type Harness } from './harness.ts';

/** The message with which the work fails under the harness. */
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
      assert.deepEqual([(await seen.ended).state, seen.values], ['complete', [1, 2]]);
    });
    assert.equal(message, 'passed');
  });

  it('throws what the spec throws', async () => {
    assert.equal(await messageOf(() => assert.fail('mine')), 'mine');
  });

  it('V2: sees CONNECTED after an error', async () => {
    const message = await messageOf((h) => {
      const cb = h.cb();
      cb(undefined, 0, new Error('fatal'));
      cb(undefined, 2);
    });
    assert.match(message, /^V2/);
  });

  it('V4: sees a handle that is left', async () => {
    const server = createServer();
    const message = await messageOf(async () => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    server.close();
    assert.match(message, /V4.*TCPServerWrap/);
  });

  it('V4: sees a timer that is left, with unref too', async () => {
    let timer: NodeJS.Timeout | undefined;
    const message = await messageOf(() => (timer = setTimeout(() => {}, 60_000).unref()));
    clearTimeout(timer);
    assert.match(message, /V4.*1 × timer/);
  });

  it('V5: sees an uncaught exception, a rejection and a warning', async () => {
    const message = await messageOf(() => {
      setImmediate(() => {
        throw new Error('thrown');
      });
      void Promise.reject(new Error('rejected'));
      process.emitWarning('warned');
    });
    assert.match(message, /V5: uncaughtException: Error: thrown/);
    assert.match(message, /V5: unhandledRejection: Error: rejected/);
    assert.match(message, /V5: warning: Warning: warned/);
  });

  it('V5: allows the warning a spec is about', async () => {
    assert.equal(await messageOf(() => process.emitWarning('warned'), { warnings: /warned/ }), 'passed');
  });

  it('V6: says where two streams of bytes part', async () => {
    assert.match(await messageOf((h) => h.sameBytes(['ab', 'c'], 'abd')), /^V6.*part at byte 2/);
    assert.equal(await messageOf((h) => h.sameBytes(['ab', 'c'], ['a', Buffer.from('bc')])), 'passed');
  });

  it('V7: sees a secret in a cause, and a missing phase', async () => {
    const leak = new Error('no', { cause: new Error('was hunter2') });
    const told = await messageOf((h) => {
      h.secret('hunter2');
      h.observed(throwError(() => leak));
    });
    assert.match(told, /V7.*util\.inspect/);
    const nameless = Object.assign(new Error('x'), { name: 'IOStreamError', code: 'EX', errno: 1 });
    assert.match(await messageOf((h) => void h.observed(throwError(() => nameless))), /V7.*no phase/);
  });

  it('V9: sees a busy process', async () => {
    const others = setInterval(() => spin(20), 100);
    const message = await messageOf(() => {}, { idle: true });
    clearInterval(others);
    assert.match(message, /^V9/);
  });

  it('V10: sees what a peer throws, at once or later', async () => {
    const message = await messageOf(async (h) => {
      h.peer(() => assert.fail('at once'))();
      await h.peer(async () => assert.fail('later'))();
    });
    assert.match(message, /V10[^]*at once[^]*V10[^]*later/);
  });

  it('records values, the end, and waits for both', async () => {
    await invariants(async (h) => {
      const source$ = new Subject<number>();
      const seen = h.observed(source$);
      const second = seen.value((each) => each === 2);
      source$.next(1);
      source$.next(2);
      assert.equal(await second, 2);
      source$.complete();
      await assert.rejects(
        seen.value((each) => each === 3),
        /it is over \(complete\)/,
      );
    })();
  });

  it('unsubscribes what is still open', async () => {
    let freed = false;
    await invariants((h) => void h.observed(new Observable(() => () => (freed = true))))();
    assert.ok(freed);
  });
});

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
