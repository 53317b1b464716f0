import { NEVER, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type IOStream, type Wire } from 'rxjs-io-stream';
import { inVirtualTime } from './tools.ts';

describe('timeouts.idle', () => {
  it('fails with ETOIDLE when nothing is read and nothing is written', () => {
    const noted = inVirtualTime(100_000, (v) => {
      const [a] = v.joined({ timeouts: { idle: 5000 } });
      v.watch(a);
    });
    expect(noted).toStrictEqual(['5000 ETOIDLE', '5000 closed by error']);
  });

  it('restarts at reads alone, and at writes alone', () => {
    const noted = inVirtualTime(100_000, (v) => {
      const [a, b] = v.joined({ timeouts: { idle: 1000 } }, { timeouts: { idle: 1000 } });
      v.watch(a, 'a');
      v.watch(b, 'b');
      for (let ms = 900; ms < 20_000; ms += 900) v.at(ms, () => a.write('x'));
    });
    expect(noted.map((line) => line.split(' ').slice(0, 3).join(' ')).slice(0, 2)).toStrictEqual(['20800 a ETOIDLE', '20800 a closed']);
  });

  it('does not elapse while a slow reader blocks reads', () => {
    const noted = inVirtualTime(30_000, (v) => {
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
    const noted = inVirtualTime(30_000, (v) => {
      const [a, b] = v.joined({}, { timeouts: { idle: 1000 } });
      v.watch(b);
      b.consume(() => timer(10_000, v.scheduler)).subscribe({ error: () => {} });
      v.at(10, () => a.write('x'));
    });
    expect(noted).toStrictEqual(['1010 ETOIDLE', '1010 closed by error']);
  });

  it('does not elapse while the stream is paused', () => {
    const noted = inVirtualTime(30_000, (v) => {
      const [, b] = v.joined({}, { timeouts: { idle: 1000 } });
      v.watch(b);
      v.at(500, () => b.pause());
      v.at(20_000, () => b.resume());
    });
    expect(noted).toStrictEqual(['21000 ETOIDLE', '21000 closed by error']);
  });

  it('closes a stream without a reader, although its buffer is full', () => {
    const noted = inVirtualTime(30_000, (v) => {
      const [a, b] = v.joined({}, { timeouts: { idle: 1000 } });
      v.watch(b);
      for (let each = 0; each < 100; each += 1) a.write(new Uint8Array(10_000));
    });
    expect(noted).toStrictEqual(['1000 ETOIDLE', '1000 closed by error']);
  });

  it('is reported once in manual mode, and again after bytes arrived', () => {
    const noted = inVirtualTime(30_000, (v) => {
      const [a, b] = v.joined({}, { timeouts: { idle: 1000 }, waitFor: 0, inBufLimit: 0 });
      b.data$.subscribe();
      v.watch(b);
      v.at(10_000, () => a.write('x'));
    });
    expect(noted).toStrictEqual(['1000 ETOIDLE', '11000 ETOIDLE']);
  });

  it('does not fire while the stream is opening, however it was set', () => {
    const noted = inVirtualTime(10_000, (v) => {
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
