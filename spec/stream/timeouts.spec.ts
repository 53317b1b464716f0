import type { Socket } from 'node:net';
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { handshake, IOStream, type IOStreamOptions, type Wire } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, scriptedStream, inVirtualTime } from './tools.ts';

const silent = handshake({
  *talk(link) {
    yield* link.read(1);
  },
});

describe('timeouts.handshake and establish', () => {
  it('fails with ETOHANDSHAKE, naming the layer, when a plugin takes too long', () => {
    const noted = inVirtualTime(100_000, (v) => {
      const [a] = v.joined({ plugin: { knock: silent } });
      v.watch(a);
      a.errors$.subscribe(({ layer, phase }) => v.note(`${layer ?? ''} ${phase}`));
    });
    expect(noted).toStrictEqual(['30000 ETOHANDSHAKE', '30000 knock handshake', '30000 closed by error']);
  });

  it('limits the whole handshake, not each byte', () => {
    const noted = inVirtualTime(100_000, (v) => {
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
    const noted = inVirtualTime(100_000, (v) => {
      const [a, b] = v.joined({ plugin: { second: silent, first: silent }, timeouts: { handshake: 2000, establish: 3000 } });
      v.watch(a);
      a.errors$.subscribe(({ layer }) => v.note(layer ?? ''));
      v.at(1500, () => b.write('.'));
    });
    expect(noted).toStrictEqual(['3000 ETOHANDSHAKE', '3000 second', '3000 closed by error']);
  });

  it('does not fire after the stream is connected', () => {
    const noted = inVirtualTime(1_000_000, (v) => {
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
      const noted = inVirtualTime(100_000, (v) => {
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
    const noted = inVirtualTime(100_000, (v) => {
      const [a] = v.joined({}, { allowHalfOpen: true });
      v.watch(a);
      v.at(1000, () => a.close());
    });
    expect(noted).toStrictEqual(['4000 closed by us']);
  });

  it('does not elapse while written bytes are being sent', () => {
    const noted = inVirtualTime(100_000, (v) => {
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
    const noted = inVirtualTime(100_000, (v) => {
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
    const [a] = streamPair(h);
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
      const noted = inVirtualTime(1_000_000, (v) => {
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
    const noted = inVirtualTime(2 ** 31 + 10, (v) => {
      const [a] = v.joined({ timeouts: { idle: 2 ** 31 } });
      v.watch(a);
    });
    expect(noted).toStrictEqual([`${2 ** 31} ETOIDLE`, `${2 ** 31} closed by error`]);
  });

  spec('longer than a timer of Node do not fire at once in real time', async (h) => {
    const [a, b] = streamPair(h, { timeouts: { idle: 2 ** 31, write: 2 ** 40 } });
    const { errors } = h.watch(a);
    b.pause();
    a.write('x');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(errors.values).toStrictEqual([]);
  });

  for (const wrong of [NaN, -1, '5', null, [], true, -Infinity]) {
    spec(`throw a TypeError for ${String(wrong)}, and keep their values`, (h) => {
      const [a] = streamPair(h);
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
    const [a] = streamPair(h);
    expect(() => (a.timeouts = { writes: 5 } as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`writes`/) }),
    );
    expect(() => (a.timeouts = 5 as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`timeouts`/) }),
    );
  });

  spec('are merged with the current ones, and cannot be mutated from outside', (h) => {
    const options = { write: 5 };
    const [a] = streamPair(h, { timeouts: options });
    a.timeouts = { idle: 7 };
    expect([a.timeouts.write, a.timeouts.idle, options]).toStrictEqual([5, 7, { write: 5 }]);
    (a.timeouts as { write: number }).write = 99;
    expect(a.timeouts.write).toBe(5);
  });

  it('take effect at once on an open stream', () => {
    const noted = inVirtualTime(100_000, (v) => {
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
    const noted = inVirtualTime(10_000, (v) => {
      const { wire, up } = scriptedStream();
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
    const [a, b] = streamPair(h, { timeouts: { write: 60_000, idle: 60_000, close: 60_000 } });
    h.observed(b.data$);
    a.write('x');
    await h.until(() => b.inBytes === 1);
    a.close();
    await closedReport(a);
  });

  for (const manual of [false, true]) {
    spec(`do not fire when the answer arrived while the event loop was blocked${manual ? ' (manual mode)' : ''}`, async (h) => {
      const options = manual ? { waitFor: 0, inBufLimit: 0 } : {};
      const { io, socket } = await connectedToPeer(h, { ...options, timeouts: { idle: 500, write: 500 } }, (peer: Socket) =>
        peer.pipe(peer),
      );
      const { errors } = h.watch(io);
      const seen = h.observed(io.data$);
      for (let round = 0; round < 3; round += 1) {
        const before = io.inBytes;
        io.write('ping');
        await h.until(() => socket.bytesWritten > before);
        block(600);
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
