import type { Socket } from 'node:net';
import { NEVER, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { handshake, IOStream, OUT, SENT, type IOStreamOptions, type Wire } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closing, dialled, joined, scripted, virtually } from './tools.ts';

const silent = handshake({
  *talk(link) {
    yield* link.read(1);
  },
});

describe('timeouts.write', () => {
  it('fails with ETOWRITE when bytes are queued and none is sent', () => {
    const noted = virtually(100_000, (v) => {
      const [a, b] = v.joined();
      v.watch(a);
      b.pause();
      v.at(1000, () => a.write('x'));
    });
    expect(noted).toStrictEqual(['31000 ETOWRITE', '31000 closed by error']);
  });

  it('does not fire while bytes are sent slowly', () => {
    const noted = virtually(600_000, (v) => {
      const [a, b] = v.joined({ timeouts: { write: 1000 } }, {}, { bandwidth: 1000, limit: 200_000 });
      v.watch(a);
      b.data$.subscribe({ error: () => {} });
      for (let each = 0; each < 100; each += 1) v.at(each, () => a.write(new Uint8Array(900)));
      v.at(500, () => v.note(`${a.output.pending} queued`));
    });
    expect(noted).toStrictEqual(['500 90000 queued']);
  });

  it('counts from the last sent byte', () => {
    const noted = virtually(100_000, (v) => {
      const { wire, up } = scripted();
      const io = v.stream({ wire, timeouts: { write: 1000 } });
      v.watch(io);
      io.write('four');
      v.at(900, () => up({ kind: 'sent', bytes: 1 }));
      v.at(1800, () => up({ kind: 'sent', bytes: 1 }));
    });
    expect(noted).toStrictEqual(['2800 ETOWRITE', '2800 closed by error']);
  });

  it('restarts at a write after the queued bytes were discarded', () => {
    const noted = virtually(100_000, (v) => {
      const { wire } = scripted();
      const io = v.stream({ wire, timeouts: { write: 1000 } });
      v.watch(io);
      v.at(100, () => {
        io.write('x');
        io.outBuf = '';
      });
      v.at(5000, () => io.write('y'));
    });
    expect(noted).toStrictEqual(['6000 ETOWRITE', '6000 closed by error']);
  });

  it('does not restart at each write, whether the wire is paused or not', () => {
    for (const isPaused of [false, true]) {
      const noted = virtually(100_000, (v) => {
        const { wire, up } = scripted();
        const io = v.stream({ wire, timeouts: { write: 1000 } });
        v.watch(io);
        if (isPaused) v.at(1, () => up({ kind: 'pause' }));
        for (let ms = 100; ms < 3000; ms += 100) v.at(ms, () => io.write('x'));
      });
      expect(noted).toStrictEqual(['1100 ETOWRITE', '1100 closed by error']);
    }
  });

  it('does not fire without queued bytes, nor before the stream is open', () => {
    const noted = virtually(100_000, (v) => {
      const [a, b] = v.joined({ timeouts: { write: 1000 } });
      v.watch(a);
      b.data$.subscribe();
      a.write('x');
      v.at(50_000, () => a.write('y'));
      const opening = v.stream({ wire: () => () => NEVER, timeouts: { write: 1000 } });
      v.watch(opening, 'opening');
      opening.write('x');
    });
    expect(noted).toStrictEqual([]);
  });

  it('is reported once in manual mode, and again only after bytes were sent', () => {
    const noted = virtually(100_000, (v) => {
      const { wire, up } = scripted();
      const io = v.stream({ wire, timeouts: { write: 1000 }, waitFor: 0 });
      v.watch(io);
      io.write('four');
      v.at(10_000, () => io.write('more'));
      v.at(20_000, () => up({ kind: 'sent', bytes: 4 }));
      v.at(20_500, () => up({ kind: 'sent', bytes: 4 }));
      v.at(40_000, () => io.write('x'));
    });
    expect(noted).toStrictEqual(['1000 ETOWRITE', '41000 ETOWRITE']);
  });
});

describe('timeouts.write over TCP', () => {
  spec('fails with ETOWRITE when the peer never reads', async (h) => {
    const { io } = await dialled(h, { timeouts: { write: 200 } }, (peer) => peer.pause());
    const { errors, events } = h.watch(io);
    io.write(Buffer.alloc(16 * 2 ** 20));
    await closing(io);
    h.error(errors.values[0], { code: 'ETOWRITE', phase: 'write', fatal: false });
    expect(events.values.some(({ mask }) => (mask & OUT) !== 0)).toBe(true);
    expect(events.values.every(({ mask }) => (mask & SENT) === 0)).toBe(true);
  });
});

describe('timeouts.idle', () => {
  it('fails with ETOIDLE when nothing is read and nothing is written', () => {
    const noted = virtually(100_000, (v) => {
      const [a] = v.joined({ timeouts: { idle: 5000 } });
      v.watch(a);
    });
    expect(noted).toStrictEqual(['5000 ETOIDLE', '5000 closed by error']);
  });

  it('restarts at reads alone, and at writes alone', () => {
    const noted = virtually(100_000, (v) => {
      const [a, b] = v.joined({ timeouts: { idle: 1000 } }, { timeouts: { idle: 1000 } });
      v.watch(a, 'a');
      v.watch(b, 'b');
      for (let ms = 900; ms < 20_000; ms += 900) v.at(ms, () => a.write('x'));
    });
    expect(noted.map((line) => line.split(' ').slice(0, 3).join(' ')).slice(0, 2)).toStrictEqual(['20800 a ETOIDLE', '20800 a closed']);
  });

  it('does not elapse while a slow reader blocks reads', () => {
    const noted = virtually(30_000, (v) => {
      const [a, b] = v.joined({}, { timeouts: { idle: 1000 }, highWaterMark: 10 });
      v.watch(b);
      b.consume(() => timer(10_000, v.scheduler)).subscribe({ error: () => {} });
      // The first chunk is being handled, the others fill the read-ahead buffer.
      for (let ms = 10; ms < 60; ms += 10) v.at(ms, () => a.write('12345'));
    });
    // Reads are blocked until 10,010, when the buffer is consumed. The rest arrives then, and blocks them until 20,010.
    expect(noted).toStrictEqual(['21010 ETOIDLE', '21010 closed by error']);
  });

  it('elapses while a reader is busy but blocks no reads', () => {
    const noted = virtually(30_000, (v) => {
      const [a, b] = v.joined({}, { timeouts: { idle: 1000 } });
      v.watch(b);
      b.consume(() => timer(10_000, v.scheduler)).subscribe({ error: () => {} });
      v.at(10, () => a.write('x'));
    });
    expect(noted).toStrictEqual(['1010 ETOIDLE', '1010 closed by error']);
  });

  it('does not elapse while the stream is paused', () => {
    const noted = virtually(30_000, (v) => {
      const [, b] = v.joined({}, { timeouts: { idle: 1000 } });
      v.watch(b);
      v.at(500, () => b.pause());
      v.at(20_000, () => b.resume());
    });
    expect(noted).toStrictEqual(['21000 ETOIDLE', '21000 closed by error']);
  });

  it('closes a stream without a reader, although its buffer is full', () => {
    const noted = virtually(30_000, (v) => {
      const [a, b] = v.joined({}, { timeouts: { idle: 1000 } });
      v.watch(b);
      for (let each = 0; each < 100; each += 1) a.write(new Uint8Array(10_000));
    });
    expect(noted).toStrictEqual(['1000 ETOIDLE', '1000 closed by error']);
  });

  it('is reported once in manual mode, and again after bytes arrived', () => {
    const noted = virtually(30_000, (v) => {
      const [a, b] = v.joined({}, { timeouts: { idle: 1000 }, waitFor: 0, inBufLimit: 0 });
      b.data$.subscribe();
      v.watch(b);
      v.at(10_000, () => a.write('x'));
    });
    expect(noted).toStrictEqual(['1000 ETOIDLE', '11000 ETOIDLE']);
  });

  it('does not fire while the stream is opening, however it was set', () => {
    const noted = virtually(10_000, (v) => {
      const never: Wire = () => () => NEVER;
      for (const [name, touch] of Object.entries<(io: IOStream) => void>({
        option: () => {},
        assigned: (io) => (io.timeouts = { idle: 50 }),
        resumed: (io) => {
          io.pause();
          io.resume();
        },
      })) {
        const io = v.stream({ wire: never, timeouts: { idle: name === 'assigned' ? 0 : 50 } });
        v.watch(io, name);
        touch(io);
      }
      v.at(9000, () => v.note(`${v.scheduler.actions.length} timers`));
    });
    expect(noted).toStrictEqual(['9000 1 timers']);
  });
});

describe('timeouts.handshake and establish', () => {
  it('fails with ETOHANDSHAKE, naming the layer, when a plugin takes too long', () => {
    const noted = virtually(100_000, (v) => {
      const [a] = v.joined({ plugin: { knock: silent } });
      v.watch(a);
      a.errors$.subscribe(({ layer, phase }) => v.note(`${layer ?? ''} ${phase}`));
    });
    expect(noted).toStrictEqual(['30000 ETOHANDSHAKE', '30000 knock handshake', '30000 closed by error']);
  });

  it('limits the whole handshake, not each byte', () => {
    const noted = virtually(100_000, (v) => {
      const slow = handshake({
        *talk(link) {
          yield* link.read(1000);
        },
      });
      const [a, b] = v.joined({ plugin: { slow }, timeouts: { handshake: 2000 } });
      v.watch(a);
      for (let ms = 50; ms < 5000; ms += 50) v.at(ms, () => b.write('.'));
    });
    expect(noted).toStrictEqual(['2000 ETOHANDSHAKE', '2000 closed by error']);
  });

  it('limits all handshakes together by establish, and reports the code of the current phase', () => {
    const noted = virtually(100_000, (v) => {
      const [a, b] = v.joined({ plugin: { second: silent, first: silent }, timeouts: { handshake: 2000, establish: 3000 } });
      v.watch(a);
      a.errors$.subscribe(({ layer }) => v.note(layer ?? ''));
      v.at(1500, () => b.write('.'));
    });
    expect(noted).toStrictEqual(['3000 ETOHANDSHAKE', '3000 second', '3000 closed by error']);
  });

  it('does not fire after the stream is connected', () => {
    const noted = virtually(1_000_000, (v) => {
      const [a, b] = v.joined({ plugin: { knock: silent } });
      v.watch(a);
      v.at(100, () => b.write('.'));
    });
    expect(noted).toStrictEqual([]);
  });
});

describe('timeouts.resolve', () => {
  for (const [timeouts, at] of [
    [{ resolve: 700 }, 700],
    [{ establish: 500 }, 500],
    [{}, 30_000],
  ] as const) {
    it(`fails with EDNS after ${at} ms with ${JSON.stringify(timeouts)}, and ignores a late answer`, () => {
      const noted = virtually(100_000, (v) => {
        const io = v.stream({
          host: 'silent.example',
          port: 9,
          timeouts,
          lookup: (_host, _options, done) => v.at(50_000, () => done(null, [{ address: '127.0.0.1', family: 4 }])),
        });
        v.watch(io);
        io.errors$.subscribe(({ phase }) => v.note(phase));
        io.events$.subscribe(({ mask }) => v.note(`event ${mask}`));
      });
      expect(noted).toStrictEqual([`${at} EDNS`, `${at} resolve`, `${at} closed by error`]);
    });
  }
});

describe('timeouts.close', () => {
  it('frees the handle when the peer does not end', () => {
    const noted = virtually(100_000, (v) => {
      const [a] = v.joined({}, { allowHalfOpen: true });
      v.watch(a);
      v.at(1000, () => a.close());
    });
    expect(noted).toStrictEqual(['4000 closed by us']);
  });

  it('does not elapse while written bytes are being sent', () => {
    const noted = virtually(100_000, (v) => {
      const [a, b] = v.joined({}, {}, { bandwidth: 10_000 });
      v.watch(a);
      b.data$.subscribe();
      v.at(10, () => {
        for (let each = 0; each < 10; each += 1) a.write(new Uint8Array(5000));
        a.close();
      });
    });
    expect(noted).toStrictEqual(['5010 closed by us']);
  });

  it('is read when the stream is closed', () => {
    const noted = virtually(100_000, (v) => {
      const [a] = v.joined({}, { allowHalfOpen: true });
      v.watch(a);
      v.at(1000, () => (a.timeouts = { close: 50 }));
      v.at(2000, () => a.close());
    });
    expect(noted).toStrictEqual(['2050 closed by us']);
  });
});

describe('timeouts', () => {
  spec('have the documented defaults', (h) => {
    const [a] = joined(h);
    expect(a.timeouts).toStrictEqual({
      resolve: 30_000,
      connect: 30_000,
      handshake: 30_000,
      establish: 60_000,
      write: 30_000,
      idle: Infinity,
      close: 3000,
    });
  });

  it('are off with 0 and Infinity', () => {
    for (const off of [0, Infinity]) {
      const noted = virtually(1_000_000, (v) => {
        const [a, b] = v.joined({ timeouts: { write: off, idle: off, handshake: off, establish: off } });
        v.watch(a);
        b.pause();
        a.write('x');
        const [c] = v.joined({ plugin: { silent }, timeouts: { handshake: off, establish: off } });
        v.watch(c);
      });
      expect(noted).toStrictEqual([]);
    }
  });

  it('may be longer than a timer of Node', () => {
    const noted = virtually(2 ** 31 + 10, (v) => {
      const [a] = v.joined({ timeouts: { idle: 2 ** 31 } });
      v.watch(a);
    });
    expect(noted).toStrictEqual([`${2 ** 31} ETOIDLE`, `${2 ** 31} closed by error`]);
  });

  spec('longer than a timer of Node do not fire at once in real time', async (h) => {
    const [a, b] = joined(h, { timeouts: { idle: 2 ** 31, write: 2 ** 40 } });
    const { errors } = h.watch(a);
    b.pause();
    a.write('x');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(errors.values).toStrictEqual([]);
  });

  for (const wrong of [NaN, -1, '5', null, [], true, -Infinity]) {
    spec(`throw a TypeError for ${String(wrong)}, and keep their values`, (h) => {
      const [a] = joined(h);
      const wire: Wire = () => () => NEVER;
      expect(() => new IOStream({ wire, timeouts: { write: wrong } } as unknown as IOStreamOptions)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/timeouts\.write/) }),
      );
      expect(() => (a.timeouts = { idle: 5, write: wrong as never })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/timeouts\.write/) }),
      );
      expect([a.timeouts.idle, a.timeouts.write]).toStrictEqual([Infinity, 30_000]);
    });
  }

  spec('throw a TypeError for an unknown name', (h) => {
    const [a] = joined(h);
    expect(() => (a.timeouts = { writes: 5 } as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`writes`/) }),
    );
    expect(() => (a.timeouts = 5 as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`timeouts`/) }),
    );
  });

  spec('are merged with the current ones, and cannot be mutated from outside', (h) => {
    const options = { write: 5 };
    const [a] = joined(h, { timeouts: options });
    a.timeouts = { idle: 7 };
    expect([a.timeouts.write, a.timeouts.idle, options]).toStrictEqual([5, 7, { write: 5 }]);
    (a.timeouts as { write: number }).write = 99;
    expect(a.timeouts.write).toBe(5);
  });

  it('take effect at once on an open stream', () => {
    const noted = virtually(100_000, (v) => {
      const [a, b] = v.joined();
      v.watch(a);
      b.pause();
      v.at(1000, () => a.write('x'));
      v.at(5000, () => (a.timeouts = { write: 100 }));
      const [c] = v.joined();
      v.watch(c, 'idle');
      v.at(6000, () => (c.timeouts = { idle: 100 }));
      const [d] = v.joined({ timeouts: { idle: 1000 } });
      v.watch(d, 'off');
      v.at(500, () => (d.timeouts = { idle: 0 }));
    });
    expect(noted).toStrictEqual(['5100 ETOWRITE', '5100 closed by error', '6100 idle ETOIDLE', '6100 idle closed by error']);
  });

  it('start no timer on a closed stream', () => {
    const noted = virtually(10_000, (v) => {
      const { wire, up } = scripted();
      const io = v.stream({ wire, timeouts: { idle: 50 } });
      v.at(10, () => {
        up({ kind: 'pause' });
        io.write('never sent');
        io.reset();
        const before = v.scheduler.actions.length;
        io.timeouts = { idle: 60, write: 60 };
        v.note(`${v.scheduler.actions.length - before} more`);
      });
    });
    expect(noted).toStrictEqual(['10 0 more']);
  });

  spec('leave no timer behind', async (h) => {
    const [a, b] = joined(h, { timeouts: { write: 60_000, idle: 60_000, close: 60_000 } });
    h.observed(b.data$);
    a.write('x');
    await h.until(() => b.inBytes === 1);
    a.close();
    await closing(a);
  });

  for (const manual of [false, true]) {
    spec(`do not fire when the answer arrived while the event loop was blocked${manual ? ' (manual mode)' : ''}`, async (h) => {
      const options = manual ? { waitFor: 0, inBufLimit: 0 } : {};
      const { io, socket } = await dialled(h, { ...options, timeouts: { idle: 100, write: 100 } }, (peer: Socket) => peer.pipe(peer));
      const { errors } = h.watch(io);
      const seen = h.observed(io.data$);
      const end = performance.now() + 600;
      for (let round = 0; performance.now() < end; round += 1) {
        const before = io.inBytes;
        io.write('ping');
        await h.until(() => socket.bytesWritten > before);
        block(150);
        await h.until(() => io.inBytes > before || errors.values.length > 0);
      }
      expect(errors.values).toStrictEqual([]);
      expect(seen.values.length).toBeGreaterThan(2);
    });
  }
});

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
