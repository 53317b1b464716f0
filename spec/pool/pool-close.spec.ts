import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { firstValueFrom, NEVER, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { pool } from '../../src/pool/pool.ts';
import type { Harness } from '../support/harness.ts';
import { served } from '../support/loopback.ts';
import { runCommand } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';
import { inVirtualTime } from '../stream/tools.ts';
import { ask, noteAll, pooled } from './pool-tools.ts';

describe('close() of a pool', () => {
  it('errors the waiting uses, closes idle connections, and busy ones when their handler has ended', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 2 });
      noteAll(v, 'closed$', db.closed$);
      noteAll(
        v,
        'a',
        db.use(() => timer(100)),
      );
      noteAll(
        v,
        'b',
        db.use(() => timer(10)),
      );
      v.at(5, () => noteAll(v, 'w', db.use(ask('w'))));
      v.at(8, () => db.close());
      v.at(20, () => noteAll(v, 'late', db.use(ask('late'))));
      v.at(200, () => noteAll(v, 'again', db.closed$));
    });
    expect(log).toStrictEqual([
      ...['8 w error ECLOSED', '10 b 0', '10 b complete', '10 peer 2 closed by peer', '20 late error ECLOSED'],
      ...['100 a 0', '100 a complete', '100 peer 1 closed by peer', '100 closed$ undefined', '100 closed$ complete'],
      ...['200 again undefined', '200 again complete'],
    ]);
  });

  it('cancels dials, and closes at once a pool that was never used', () => {
    const log = inVirtualTime(1000, (v) => {
      const unused = pooled(v).db;
      noteAll(v, 'unused', unused.closed$);
      unused.close();
      unused.close();
      const { db } = pooled(v, { open: () => NEVER });
      noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => noteAll(v, 'closed$', db.closed$));
      v.at(10, () => db.close());
    });
    expect(log).toStrictEqual([
      '0 unused undefined',
      '0 unused complete',
      '10 a error ECLOSED',
      '10 peer 1 closed by peer',
      '10 closed$ undefined',
      '10 closed$ complete',
    ]);
  });

  it('completes `counts$` with zeros', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(v, 'a', db.use(ask('a')));
      v.at(10, () => db.counts$.subscribe({ next: ({ idle }) => v.note(`idle ${idle}`), complete: () => v.note('complete') }));
      v.at(20, () => db.close());
      v.at(30, () => db.counts$.subscribe({ next: ({ idle }) => v.note(`idle ${idle}`), complete: () => v.note('complete') }));
    });
    expect(log.slice(2)).toStrictEqual(['10 idle 1', '20 idle 0', '20 peer 1 closed by peer', '20 complete', '30 idle 0', '30 complete']);
  });
});

describe('drain() of a pool', () => {
  it('serves the waiting uses, then closes, and reports how many have finished', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 1 });
      noteAll(
        v,
        'a',
        db.use(() => timer(10)),
      );
      noteAll(
        v,
        'b',
        db.use(() => timer(10)),
      );
      v.at(5, () =>
        db.drain({ deadline: 100 }).subscribe({ next: (report) => v.note(JSON.stringify(report)), complete: () => v.note('drained') }),
      );
      v.at(6, () => noteAll(v, 'late', db.use(ask('late'))));
    });
    expect(log).toStrictEqual([
      ...['6 late error ECLOSED', '10 a 0', '10 a complete', '20 b 0', '20 b complete', '20 peer 1 closed by peer'],
      ...['20 {"finished":2,"cut":0}', '20 drained'],
    ]);
  });

  it('errors the remaining uses at the deadline, and resets their connections', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 2 });
      noteAll(
        v,
        'a',
        db.use(() => timer(10)),
      );
      noteAll(
        v,
        'b',
        db.use(() => NEVER),
      );
      noteAll(
        v,
        'c',
        db.use(() => NEVER),
      );
      noteAll(
        v,
        'd',
        db.use(() => NEVER),
      );
      v.at(5, () => db.drain({ deadline: 50 }).subscribe((report) => v.note(JSON.stringify(report))));
    });
    expect(log).toStrictEqual(
      [
        ...['10 a 0', '10 a complete', '55 d error ECLOSED', '55 b error ECLOSED', '55 c error ECLOSED'],
        ...['55 {"finished":1,"cut":3}', '55 peer 2 closed by error ECONNRESET', '55 peer 1 closed by error ECONNRESET'],
      ].toSorted((one, other) => log.indexOf(one) - log.indexOf(other)),
    );
  });

  it('throws a TypeError for a wrong deadline', () => {
    const db = pool({ connect: { host: '127.0.0.1', port: 9 } });
    expect(() => db.drain({ deadline: -1 })).toThrow('expected `deadline` to be milliseconds, 0 or more, got -1');
  });
});

/** A server that echoes, and counts its connections. */
async function echo(h: Harness): Promise<{ host: string; port: number }> {
  return (await served(h, (socket) => socket.pipe(socket))) as { host: string; port: number };
}

describe('a pool over sockets', () => {
  spec('leaves no handle and no timer after close()', async (h) => {
    const db = pool({ connect: await echo(h), idleTimeout: 60_000 });
    const uses = ['a', 'b', 'c'].map((text) => h.observed(db.use(ask(text))));
    for (const use of uses) await use.ended;
    expect(uses.map(({ values }) => values)).toStrictEqual([['a'], ['b'], ['c']]);
    const closed = firstValueFrom(db.closed$);
    db.close();
    await closed;
  });

  spec('is closed by `await using`', async (h) => {
    const connect = await echo(h);
    let counts = { idle: -1 };
    {
      await using db = pool({ connect });
      db.counts$.subscribe((each) => (counts = each));
      expect(await firstValueFrom(db.use(ask('a')))).toBe('a');
      await h.until(() => counts.idle === 1);
    }
    expect(counts).toStrictEqual({ idle: 0, busy: 0, connecting: 0, waiting: 0 });
  });

  it('does not keep the process alive with idle connections, but with uses', async () => {
    const server = createServer((socket) => void socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const program = `
      import { pool } from 'rxjs-io-stream';
      import { delay, map, take } from 'rxjs';
      const db = pool({ connect: { host: '127.0.0.1', port: ${port} }, max: 1, idleTimeout: 60_000, validate: () => [true] });
      const use = (text) => db.use((io) => (io.write(text), io.data$.pipe(map(String), take(1), delay(100)))).subscribe((x) => console.log(x));
      use('one'); use('two');
      process.on('exit', () => console.log('exit'));`;
    const started = performance.now();
    const ended = await runCommand([process.execPath, '--input-type=module', '-e', program]).ended;
    expect(ended).toStrictEqual({ code: 0, stdout: 'one\ntwo\nexit\n', stderr: '' });
    expect(performance.now() - started).toBeLessThan(20_000);
    server.close();
  });
});
