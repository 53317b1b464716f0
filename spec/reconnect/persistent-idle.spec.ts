import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { map, NEVER, scan, Subject, take, takeUntil, tap, timer, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../src/codecs/codec.ts';
import { framed } from '../../src/codecs/framed/framed.ts';
import { requests } from '../../src/codecs/requests/requests.ts';
import type { Persistent, PersistentOptions } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import type { IOStream } from '../../src/stream/io-stream.ts';
import { codec, scene } from '../codecs/persistent-messages.ts';
import { spec } from '../support/spec.ts';
import { inVirtualTime, type VirtualTime } from '../stream/tools.ts';
import { noteStatus, notedPersistent, type TargetOptions } from './persistent-tools.ts';

const idleClose = 400;

/** Runs a persistent stream that is closed at the end, and notes what is read from it. */
function run(
  script: (all: { v: VirtualTime; p: Persistent; peers: IOStream[] }) => void,
  settings: PersistentOptions = {},
  options: TargetOptions = {},
): string[] {
  return inVirtualTime(10_000, (v) => {
    const { p, peers } = notedPersistent(v, { idleClose, ...settings }, options);
    script({ v, p, peers });
    v.at(9000, p.close);
  }).filter((line) => !line.startsWith('9000 '));
}

/** Notes what is read from each connection. */
function noteReads(v: VirtualTime, p: Persistent): void {
  p.stream$.subscribe((io) => io.data$.subscribe({ next: (bytes) => v.note(`read ${bytes.toString()}`), error: () => {} }));
}

describe('idleClose of a persistent stream', () => {
  it('closes a connection without traffic, and dials again for the next write, whatever `repeat` and `dial` are', () => {
    for (const settings of [{}, { repeat: false }, { dial: 'demand' }] as const) {
      const log = run(({ v, p }) => {
        p.write('one');
        v.at(1000, () => p.write('two'));
      }, settings);
      expect(log).toStrictEqual([
        '0 connecting 1',
        '0 connected 1',
        '0 peer 1: one',
        '500 idle 1', // a quarter late: the bytes followed the start of the watch
        '1000 connecting 2',
        '1000 connected 2',
        '1000 peer 2: two',
        '1500 idle 2',
      ]);
    }
  });

  it('counts bytes in both directions as traffic, of `io.write`, too', () => {
    const log = run(({ v, p, peers }) => {
      noteReads(v, p);
      v.at(300, () => peers[1]?.write('in'));
      v.at(600, () => p.write('out'));
      p.stream$.pipe(take(1)).subscribe((io) => v.at(900, () => io.write('own')));
    });
    expect(log.slice(2)).toStrictEqual(['300 read in', '600 peer 1: out', '900 peer 1: own', '1400 idle 1']);
  });

  it('waits while writes are pending, the reader is slow, bytes are unread or a source is being sent', () => {
    const cases: Record<string, (io: IOStream, peer: IOStream, v: VirtualTime) => void> = {
      pending: (io, peer, v) => {
        peer.pause();
        io.write('x'.repeat(3000));
        v.at(1000, () => peer.resume());
      },
      paused: (io, _, v) => {
        io.data$.subscribe();
        io.pause();
        v.at(1000, () => io.resume());
      },
      unread: (io, peer, v) => {
        peer.write('x');
        v.at(1000, () => io.read());
      },
      sending: (io, _, v) => void io.send(NEVER.pipe(takeUntil(timer(1000, v.scheduler)))).subscribe(),
    };
    for (const [name, use] of Object.entries(cases)) {
      const log = run(
        ({ v, p, peers }) => {
          p.stream$.pipe(take(1)).subscribe((io) => {
            const peer = peers[1];
            if (peer) use(io, peer, v);
          });
        },
        {},
        { pair: { limit: 1000 }, options: { timeouts: { write: 0 } } },
      );
      const idleAt = Number(log.find((line) => line.includes('idle'))?.split(' ')[0]);
      expect(idleAt >= 1300 && idleAt <= 1500, `${name}: ${log.join()}`).toBe(true);
    }
  });

  it('delivers bytes that arrive during the close, and queues writes for the next connection, with each `unsent`', () => {
    for (const unsent of ['keep', 'drop', 'error'] as const) {
      const log = run(
        ({ v, p, peers }) => {
          noteReads(v, p);
          v.at(420, () => peers[1]?.write('late')); // our FIN arrives at 450
          v.at(460, () => p.write('next'));
        },
        { unsent },
        { pair: { latency: 50 } },
      );
      expect(log).toStrictEqual([
        '0 connecting 1',
        '0 connected 1',
        '470 read late',
        '520 idle 1',
        '520 connecting 2',
        '520 connected 2',
        '570 peer 2: next',
        '1120 idle 2',
      ]);
    }
  });

  it('waits for a peer that still sends, and for at most timeouts.close for one that does not end', () => {
    const log = run(
      ({ v, p, peers }) => {
        noteReads(v, p);
        for (const at of [500, 700, 900]) v.at(at, () => peers[1]?.write(`${at}`));
      },
      {},
      { peer: { allowHalfOpen: true }, options: { timeouts: { close: 400 } } },
    );
    expect(log.slice(2)).toStrictEqual(['500 read 500', '700 read 700', '900 read 900', '1400 idle 1']);
  });

  it('waits during the close for a reader that is slower than timeouts.close', () => {
    const log = run(
      ({ v, p, peers }) => {
        let received = 0;
        const slow = (chunk: Uint8Array): Observable<unknown> => timer(1500, v.scheduler).pipe(tap(() => (received += chunk.length)));
        p.stream$.pipe(take(1)).subscribe((io) => io.consume(slow).subscribe());
        for (const at of [420, 440]) v.at(at, () => peers[1]?.write('x'.repeat(3000)));
        v.at(700, () => peers[1]?.end('x'.repeat(5000)));
        v.at(8900, () => v.note(`read ${received} bytes`));
      },
      {},
      { pair: { latency: 50, limit: 1000 }, options: { highWaterMark: 1000, timeouts: { close: 400 } }, peer: { allowHalfOpen: true } },
    );
    expect(log.at(-1)).toBe('8900 read 11000 bytes');
  });

  it('emits no stream while it closes one', () => {
    const log = run(
      ({ v, p }) => v.at(450, () => p.stream$.subscribe(() => v.note('a stream'))),
      {},
      { peer: { allowHalfOpen: true }, options: { timeouts: { close: 400 } } },
    );
    expect(log.slice(2)).toStrictEqual(['800 idle 1']);
  });

  it('takes connect() during the close as a wish for the next connection', () => {
    const log = run(({ v, p }) => v.at(420, () => p.connect()), {}, { pair: { latency: 50 } });
    expect(log.slice(2, 5)).toStrictEqual(['500 idle 1', '500 connecting 2', '500 connected 2']);
  });

  it('may be closed, aborted or reset during the close', () => {
    const halfOpen: TargetOptions = { peer: { allowHalfOpen: true }, options: { timeouts: { close: 1000 } } };
    const closed = run(
      ({ v, p }) => {
        v.at(500, () => p.write('lost'));
        v.at(600, () => p.close());
      },
      {},
      halfOpen,
    );
    expect(closed.slice(2)).toStrictEqual(['1400 unsent 1: lost 0-0', '1400 closed 1', '1400 complete']);
    const abort = new AbortController();
    const aborted = run(({ v }) => v.at(500, () => abort.abort()), {}, { ...halfOpen, options: { signal: abort.signal } });
    expect(aborted.slice(-2)).toStrictEqual(['500 closed 1 ABORT_ERR', '500 complete']);
    const reset = run(
      ({ v, p, peers }) => {
        v.at(500, () => peers[1]?.reset());
        v.at(600, () => p.write('next'));
      },
      { attempts: 1, retryIf: () => false },
      halfOpen,
    );
    expect(reset.slice(2, 6)).toStrictEqual(['500 idle 1 ECONNRESET', '600 connecting 2', '600 connected 2', '600 peer 2: next']);
  });

  it('ends the failures in a row', () => {
    const log = run(
      ({ v, p, peers }) => {
        v.at(1000, () => p.write('again'));
        v.at(1010, () => peers.at(-1)?.reset());
      },
      {},
      { refuse: (attempt) => attempt < 3 },
    );
    expect(log.filter((line) => line.includes('waiting')).at(-1)).toBe('1010 waiting 4 ECONNRESET 100');
  });

  it('waits for the reply of a request, and carries the next one on a new connection', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { line, peers, note } = scene(v, { idleClose });
      noteStatus(v, line);
      const { request } = requests(framed(line, codec));
      note('a', request('a'));
      v.at(1500, () => peers[1]?.write('to a\n'));
      v.at(3000, () => note('b', request('b')));
      v.at(3010, () => peers[2]?.write('to b\n'));
      v.at(3020, line.close);
    }).filter((line) => !/conn|complete/.test(line));
    expect(log).toStrictEqual(['0 peer 1: a', '1500 a: to a', '2000 idle 1', '3000 peer 2: b', '3010 b: to b', '3020 closed 2']);
  });

  it('waits while `consume` of the messages handles one', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { line, peers, note } = scene(v, { idleClose });
      noteStatus(v, line);
      const { consume, write } = framed(line, codec);
      note(
        'consume',
        consume((job) => timer(2000, v.scheduler).pipe(map(() => write(`done ${job}`)))),
      );
      v.at(100, () => peers[1]?.write('job\n'));
      v.at(3000, line.close);
    });
    expect(log.slice(2)).toStrictEqual([
      '2100 consume: true',
      '2100 peer 1: done job',
      '2600 idle 1',
      '3000 closed 1',
      '3000 complete',
      '3000 consume: complete',
    ]);
  });

  it('encodes messages that are written during the close for the next connection', () => {
    const numbered: Codec<string> = {
      decode: codec.decode,
      encode: () => (message$) =>
        message$.pipe(
          scan((count) => count + 1, 0),
          map((count) => Buffer.from(`${count}\n`)),
        ),
    };
    const log = inVirtualTime(10_000, (v) => {
      const options = { timeouts: { close: 400 } };
      const { line } = scene(v, { idleClose, unsent: 'drop' }, { options, peer: { allowHalfOpen: true } });
      const { write } = framed(line, numbered);
      write('a');
      v.at(100, () => write('b'));
      v.at(700, () => write('c')); // our direction ended at 600
      v.at(750, () => write('d'));
      v.at(1200, line.close);
    });
    expect(log).toStrictEqual(['0 peer 1: 1', '100 peer 1: 2', '1000 peer 2: 1 2']);
  });

  spec('ends a real connection with a FIN, and loses no byte of a peer that answers it with many', async (h) => {
    const sockets: Socket[] = [];
    const bytes = Buffer.alloc(3_000_000, 'x');
    const server = createServer(
      { allowHalfOpen: true },
      h.peer((socket: Socket) => {
        sockets.push(socket);
        socket.on('end', () => socket.end(bytes)).resume();
      }),
    ).listen(0, '127.0.0.1');
    h.defer(() => server.close());
    await once(server, 'listening');
    const p = persistent({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, { idleClose: 40, initial: 1 });
    const states = h.observed(p.status$.pipe(map(({ state }) => state)));
    let received = 0;
    p.stream$.subscribe((io) => io.data$.subscribe((chunk) => (received += chunk.length)));
    p.write('hello');
    await h.until(() => states.values.includes('idle'), 'the idle close');
    expect(received).toBe(bytes.length);
    p.write('again');
    await h.until(() => states.values.filter((state) => state === 'idle').length === 2, 'the second idle close');
    p.close();
    await states.ended;
    expect([received, sockets.length]).toStrictEqual([2 * bytes.length, 2]);
    expect(states.values).toStrictEqual(['connecting', 'connected', 'idle', 'connecting', 'connected', 'idle', 'closed']);
  });
});

describe('silence of the peer of a persistent stream', () => {
  it('fails a connection with maxSilence, although we write', () => {
    const log = inVirtualTime(3000, (v) => {
      const { p, peers } = notedPersistent(v, { maxSilence: 400 });
      noteReads(v, p);
      for (let at = 100; at < 1200; at += 100) v.at(at, () => p.write('.'));
      v.at(300, () => peers[1]?.write('in'));
      v.at(1150, () => p.close());
    }).filter((line) => !/peer|unsent/.test(line));
    expect(log).toStrictEqual([
      '0 connecting 1',
      '0 connected 1',
      '300 read in',
      '800 waiting 1 ETOIDLE 100',
      '900 connecting 2',
      '900 connected 2',
      '1150 closed 2',
      '1150 complete',
    ]);
  });

  it('is not its own when our reader has stopped it, or when it has ended', () => {
    const hold = new Subject<void>();
    const cases: Record<string, (io: IOStream, peer: IOStream) => void> = {
      paused: (io) => {
        io.data$.subscribe();
        io.pause();
      },
      slow: (io, peer) => {
        io.consume(() => hold).subscribe();
        peer.write('x'.repeat(3000));
      },
      unread: (_, peer) => void peer.write('x'),
      ended: (_, peer) => peer.end(),
    };
    for (const [name, use] of Object.entries(cases)) {
      const log = inVirtualTime(3000, (v) => {
        const options = { allowHalfOpen: true, highWaterMark: 1000 };
        const { p, peers } = notedPersistent(v, { maxSilence: 400 }, { options, pair: { limit: 1000 } });
        p.stream$.pipe(take(1)).subscribe((io) => peers[1] && use(io, peers[1]));
        v.at(2000, () => p.stream$.pipe(take(1)).subscribe((io) => io.reset()));
        v.at(2001, () => p.close());
      });
      expect(
        log.filter((line) => line.includes('ETOIDLE')),
        name,
      ).toStrictEqual([]);
    }
  });

  it('fails a connection with timeouts.idle of the target if we write nothing either', () => {
    const log = inVirtualTime(3000, (v) => {
      const { p } = notedPersistent(v, {}, { options: { timeouts: { idle: 400 } } });
      v.at(300, () => p.write('.'));
      v.at(750, () => p.close());
    });
    expect(log.slice(2)).toStrictEqual(['300 peer 1: .', '700 waiting 1 ETOIDLE 100', '750 closed 1', '750 complete']);
  });
});
