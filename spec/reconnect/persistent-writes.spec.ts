import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { EMPTY, catchError, firstValueFrom, switchMap } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import type { PersistentOptions } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { EOUTBUFLIMIT } from 'rxjs-io-stream';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { inVirtualTime } from '../stream/tools.ts';
import { notedPersistent } from './persistent-tools.ts';

describe('writes of a persistent stream', () => {
  it('queues writes while there is no connection, in order, after what a subscriber of stream$ writes', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { p, peers } = notedPersistent(v, {}, { refuse: (attempt) => attempt === 2 });
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
    inVirtualTime(1000, (v) => {
      // The wire accepts 1000 bytes, then pauses.
      const { p, peers } = notedPersistent(v, settings, { pair: { limit: 1000 } });
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
    const log = inVirtualTime(1000, (v) => {
      const { p, peers } = notedPersistent(v, { unsent: 'error' });
      p.write('x');
      v.at(10, () => peers[1]?.reset());
    });
    expect(log.at(-1)).toBe('110 connected 2');
  });

  it('reports how much of a write has been sent, and does not send the rest', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p, peers } = notedPersistent(v, {}, { pair: { limit: 1000, bandwidth: 1_000_000 } });
      v.at(10, () => p.write('x'.repeat(300_000)));
      v.at(280, () => peers[1]?.reset());
    });
    const report = log.find((line) => line.includes('unsent'));
    // 256 KiB have been sent at 1 MB a second, and the rest was written to the wire.
    expect(report).toBe('280 unsent 1 ECONNRESET: 300000 bytes 262144-300000');
    assert(!log.some((line) => line.includes('peer 2')));
  });

  it('rejects and reports writes over outBufLimit', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { outBufLimit: 10 }, { refuse: (attempt) => attempt === 1 });
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
    const log = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, {}, { refuse: (attempt) => attempt === 1 });
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
      const log = inVirtualTime(1000, (v) => {
        const { p } = notedPersistent(v, {}, { refuse: (attempt) => attempt === 1 });
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

  it('writes the queue to the connection even if a subscriber closes it at once', () => {
    for (const from of ['status$', 'stream$'] as const) {
      const log = inVirtualTime(10_000, (v) => {
        const { p } = notedPersistent(v);
        p.write('hello');
        if (from === 'stream$') p.stream$.subscribe(() => p.close());
        else p.status$.subscribe(({ state }) => state === 'connected' && p.close());
      });
      expect(log, from).toStrictEqual(['0 connecting 1', '0 connected 1', '0 peer 1: hello', '0 closed 1', '0 complete']);
    }
  });

  spec('sends each write once and in order, across resets of real sockets', async (h) => {
    const { port, sockets, received } = await listening(h);
    const p = persistent(() => ({ host: '127.0.0.1', port }), { initial: 1, max: 5 });
    const reports = h.observed(p.unsent$);
    const status = h.observed(p.status$);
    const back = h.observed(p.stream$.pipe(switchMap((io) => io.data$.pipe(catchError(() => EMPTY)))));
    const all = Array.from({ length: 300 }, (_, at) => `${at + 1}\n`);
    for (const [at, line] of all.entries()) {
      p.write(line);
      if (at % 50 !== 49) continue;
      await h.until(() => p.pending === 0 && received().endsWith(line));
      sockets.at(-1)?.resetAndDestroy();
      await h.until(() => status.values.at(-1)?.state !== 'connected', 'the reset is noticed');
    }
    await h.until(() => sockets.length === 7);
    expect(received()).toBe(all.join(''));
    expect(reports.values).toStrictEqual([]);
    expect([back.state, status.values.at(-1)?.attempt]).toStrictEqual(['open', 7]);
    p.close();
    expect((await back.ended).state).toBe('complete');
    // A late subscriber gets the end, too.
    expect((await firstValueFrom(p.status$)).state).toBe('closed');
  });
});

async function listening(h: Harness): Promise<{ port: number; sockets: Socket[]; received: () => string }> {
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
  return { port: (server.address() as AddressInfo).port, sockets, received: () => all };
}
