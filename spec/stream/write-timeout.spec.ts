import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { OUT, SENT } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, scriptedStream, inVirtualTime } from './tools.ts';

describe('timeouts.write', () => {
  it('fails with ETOWRITE when bytes are queued and none is sent', () => {
    const noted = inVirtualTime(100_000, (v) => {
      const [a, b] = v.joined();
      v.watch(a);
      b.pause();
      v.at(1000, () => a.write('x'));
    });
    expect(noted).toStrictEqual(['31000 ETOWRITE', '31000 closed by error']);
  });

  it('does not fire while bytes are sent slowly', () => {
    const noted = inVirtualTime(600_000, (v) => {
      const [a, b] = v.joined({ timeouts: { write: 1000 } }, {}, { bandwidth: 1000, limit: 200_000 });
      v.watch(a);
      b.data$.subscribe({ error: () => {} });
      for (let each = 0; each < 100; each += 1) v.at(each, () => a.write(new Uint8Array(900)));
      v.at(500, () => v.note(`${a.output.pending} queued`));
    });
    expect(noted).toStrictEqual(['500 90000 queued']);
  });

  it('counts from the last sent byte', () => {
    const noted = inVirtualTime(100_000, (v) => {
      const { wire, up } = scriptedStream();
      const io = v.stream({ wire, timeouts: { write: 1000 } });
      v.watch(io);
      io.write('four');
      v.at(900, () => up({ kind: 'sent', bytes: 1 }));
      v.at(1800, () => up({ kind: 'sent', bytes: 1 }));
    });
    expect(noted).toStrictEqual(['2800 ETOWRITE', '2800 closed by error']);
  });

  it('restarts at a write after the queued bytes were discarded', () => {
    const noted = inVirtualTime(100_000, (v) => {
      const { wire } = scriptedStream();
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
      const noted = inVirtualTime(100_000, (v) => {
        const { wire, up } = scriptedStream();
        const io = v.stream({ wire, timeouts: { write: 1000 } });
        v.watch(io);
        if (isPaused) v.at(1, () => up({ kind: 'pause' }));
        for (let ms = 100; ms < 3000; ms += 100) v.at(ms, () => io.write('x'));
      });
      expect(noted).toStrictEqual(['1100 ETOWRITE', '1100 closed by error']);
    }
  });

  it('does not fire without queued bytes, nor before the stream is open', () => {
    const noted = inVirtualTime(100_000, (v) => {
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
    const noted = inVirtualTime(100_000, (v) => {
      const { wire, up } = scriptedStream();
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
    const { io } = await connectedToPeer(h, { timeouts: { write: 200 } }, (peer) => peer.pause());
    const { errors, events } = h.watch(io);
    io.write(Buffer.alloc(16 * 2 ** 20));
    await closedReport(io);
    h.error(errors.values[0], { code: 'ETOWRITE', phase: 'write', fatal: false });
    expect(events.values.some(({ mask }) => (mask & OUT) !== 0)).toBe(true);
    expect(events.values.every(({ mask }) => (mask & SENT) === 0)).toBe(true);
  });
});
