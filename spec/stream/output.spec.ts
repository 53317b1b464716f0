import { from, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect } from 'vitest';
import { ECLOSED, EOUTBUFLIMIT, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, streamPair, resetAtEnd, pattern, ticks, turns, unhandled } from './tools.ts';

describe('output', () => {
  spec('is a Subject whose next() queues bytes and whose complete() ends the stream', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    expect(a.output).toBeInstanceOf(Subject);
    expect(a.output).toBe(a.output);
    from(['one ', Buffer.from('two '), new Uint8Array([51])]).subscribe(a.output);
    expect((await seen.ended).state).toBe('complete');
    h.sameBytes(seen.values, 'one two 3');
    expect((await closedReport(a)).by).toBe('us');
  });

  spec('resets the connection at error(), and reports its error to data$ and closed$', async (h) => {
    const [a, b] = streamPair(h);
    const { errors } = h.watch(b);
    const own = h.watch(a);
    const data = h.observed(a.data$);
    const tapped = h.observed(a.output);
    await ticks();
    const cause = new Error('source failed');
    throwError(() => cause).subscribe(a.output);
    const report = await closedReport(a);
    expect([report.by, report.error]).toStrictEqual(['us', cause]);
    expect([data.error, tapped.error]).toStrictEqual([cause, cause]);
    expect(own.errors.values).toStrictEqual([]);
    await closedReport(b);
    h.error(errors.values[0], { code: 'ECONNRESET' });
  });

  spec('emits the accepted bytes to its subscribers', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    const tapped = h.observed(a.output);
    a.output.next('x');
    a.output.complete();
    expect([(await tapped.ended).state, tapped.values]).toStrictEqual(['complete', ['x']]);
    a.output.next('lost');
    for (const late of [() => a.output.complete(), () => a.output.error(new Error('late'))]) late();
    await closedReport(a);
  });

  spec('counts the accepted bytes that are not sent in pending', async (h) => {
    const [a, b] = streamPair(h);
    expect(a.output.pending).toBe(0);
    a.output.next(pattern(1000));
    a.write(pattern(500));
    expect(a.output.pending).toBe(1500);
    h.observed(b.data$);
    await h.until(() => a.output.pending === 0);
  });

  spec('emits false on blocked$ when outBuf is emptied or replaced by fewer bytes', (h) => {
    const [io] = resetAtEnd(h, new IOStream({ wire: () => () => NEVER, highWaterMark: 10_000 }));
    const seen = h.observed(io.output.blocked$);
    io.write(pattern(10_000));
    io.outBuf = '';
    expect(seen.values).toStrictEqual([false, true, false]);
    io.write(pattern(10_000));
    io.outBuf = pattern(5000);
    expect(seen.values).toStrictEqual([false, true, false, true, false]);
    io.write(pattern(5000));
    io.outPos = 5000;
    expect(seen.values).toStrictEqual([false, true, false, true, false, true, false]);
  });

  spec('emits on blocked$ no value that is outdated, if an earlier subscriber has made room', (h) => {
    const [io] = resetAtEnd(h, new IOStream({ wire: () => () => NEVER, highWaterMark: 4 }));
    io.output.blocked$.subscribe((blocked) => {
      if (blocked) io.outBuf = '';
    });
    const seen = h.observed(io.output.blocked$);
    io.write('12345');
    expect(seen.values).toStrictEqual([false]);
  });

  spec('emits on blocked$ the current value first, true at highWaterMark and false at half of it', async (h) => {
    const [a, b] = streamPair(h, { highWaterMark: 10_000 });
    h.observed(b.data$);
    b.pause();
    const seen = h.observed(a.output.blocked$);
    expect(seen.values).toStrictEqual([false]);
    expect(a.write(pattern(9999))).toBe(true);
    expect(seen.values).toStrictEqual([false]);
    expect(a.write('x')).toBe(false);
    expect(seen.values).toStrictEqual([false, true]);
    const late = h.observed(a.output.blocked$);
    expect(late.values).toStrictEqual([true]);
    b.resume();
    await seen.value((blocked) => !blocked);
    await ticks(20);
    expect([seen.values, late.values]).toStrictEqual([
      [false, true, false],
      [true, false],
    ]);
    a.close();
    await closedReport(a);
    expect([seen.state, late.state]).toStrictEqual(['complete', 'complete']);
  });

  spec('emits true on blocked$ first if bytes were queued before the subscription', async (h) => {
    const [a, b] = streamPair(h);
    b.pause();
    a.write(pattern(100_000));
    const seen = h.observed(a.output.blocked$);
    expect(seen.values).toStrictEqual([true]);
  });

  spec('completes blocked$ at once when the stream is closed, whether it was read before or not', async (h) => {
    const [a, b] = streamPair(h);
    h.watch(b);
    a.reset();
    for (const io of [a, b]) {
      await closedReport(io);
      const seen = h.observed(io.output.blocked$);
      expect(seen.state).toBe('complete');
      io.output.next('lost');
      const tapped = h.observed(io.output);
      expect(tapped.state).toBe('complete');
    }
  });

  spec('never exceeds outBufLimit if the writer waits after write() returned false', async (h) => {
    const [a, b] = streamPair(h, { outBufLimit: 5000 });
    const { errors } = h.watch(a);
    const seen = h.observed(b.data$);
    for (let each = 0; each < 100; each += 1) {
      if (!a.write(pattern(1300, each + 1))) await h.until(() => a.output.pending === 0);
    }
    a.end();
    await seen.ended;
    expect(Buffer.concat(seen.values).length).toBe(130_000);
    expect(errors.values).toStrictEqual([]);
  });

  spec('fails with EOUTBUFLIMIT over outBufLimit, in manual mode too, and sends no bytes after the gap', async (h) => {
    for (const options of [{}, { waitFor: OUT | SENT }, { isFatal: () => false }]) {
      const [a, b] = streamPair(h, { ...options, outBufLimit: 10_000 });
      const { errors } = h.watch(a);
      h.watch(b);
      const seen = h.observed(b.data$);
      await ticks();
      for (let each = 0; each < 10; each += 1) a.output.next(pattern(6000, each + 1));
      expect(a.output.pending).toBe(12_000);
      const report = await closedReport(a);
      expect(report.by).toBe('error');
      h.error(report.error, { code: EOUTBUFLIMIT, phase: 'write' });
      h.error(errors.values[0], { code: EOUTBUFLIMIT });
      await seen.ended;
      const got = Buffer.concat(seen.values);
      h.sameBytes(got, Buffer.concat([pattern(6000, 1), pattern(6000, 2)]).subarray(0, got.length));
      expect(seen.state).toBe('error');
    }
  });

  spec('reports ECLOSED once after end(), and accepts nothing more', async (h) => {
    const [a, b] = streamPair(h, {}, { allowHalfOpen: true });
    const { errors } = h.watch(a);
    const seen = h.observed(b.data$);
    await ticks();
    a.end('x');
    const source = new Subject<string>();
    source.subscribe(a.output);
    source.next('lost');
    source.next('lost');
    await ticks();
    expect(errors.values.map((error) => (error as { code: string }).code)).toStrictEqual([ECLOSED]);
    expect(a.state).toBe('open');
    h.sameBytes((await seen.ended).values, 'x');
  });

  spec('throws a TypeError for a value that is not bytes', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    const reported = unhandled(h);
    for (const wrong of [5, null, undefined, {}, ['x'], new ArrayBuffer(1)]) expect(() => a.output.next(wrong as never)).toThrow(TypeError);
    of(5 as never, 'kept').subscribe(a.output);
    await turns();
    await h.until(() => reported.length === 1);
    expect(reported[0]).toBeInstanceOf(TypeError);
  });
});

describe('write', () => {
  spec('reports EOUTBUFLIMIT while outBufLimit bytes are queued, which is not fatal if isFatal returns false', async (h) => {
    const [a, b] = streamPair(h, { outBufLimit: 10_000, isFatal: ({ code }) => code !== EOUTBUFLIMIT });
    const { errors } = h.watch(a);
    const seen = h.observed(b.data$);
    expect(a.write(pattern(9999))).toBe(true);
    expect(a.write(pattern(50_000)), 'accepted, but no more').toBe(false);
    expect(a.write('lost')).toBe(false);
    expect(a.write('lost')).toBe(false);
    expect(errors.values.length).toBe(0);
    await ticks();
    h.error(errors.values[0], { code: EOUTBUFLIMIT, phase: 'write', fatal: false });
    expect(errors.values.length).toBe(1);
    await h.until(() => a.output.pending === 0);
    expect(a.write('again')).toBe(true);
    a.end();
    h.sameBytes((await seen.ended).values, [pattern(9999), pattern(50_000), 'again']);
  });

  spec('queues any number of bytes if outBufLimit is 0', async (h) => {
    const [a, b] = streamPair(h, { outBufLimit: 0 });
    const seen = h.observed(b.data$);
    const big = Buffer.alloc(40 * 2 ** 20);
    for (let each = 0; each < 4; each += 1) a.write(big);
    expect(a.output.pending).toBe(160 * 2 ** 20);
    a.end();
    let got = 0;
    for (const chunk of (await seen.ended).values) got += chunk.length;
    expect(got).toBe(160 * 2 ** 20);
  });

  spec('queues up to 64 MiB by default', async (h) => {
    const [a, b] = streamPair(h);
    h.watch(b);
    const { errors } = h.watch(a);
    const big = Buffer.alloc(16 * 2 ** 20);
    for (let each = 0; each < 4; each += 1) a.write(big);
    a.write('one too many');
    await ticks();
    h.error(errors.values[0], { code: EOUTBUFLIMIT });
    expect((await closedReport(a)).by, 'in reactive mode every error closes').toBe('error');
  });

  spec('accepts strings as UTF-8 and any view of bytes, and throws a TypeError for other values', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    const memory = new Uint8Array([0, 65, 66, 67, 0]).buffer;
    a.write('é');
    a.write(new Uint8Array(memory, 1, 1));
    a.write(new DataView(memory, 2, 1));
    a.write(Buffer.from(memory, 3, 1));
    a.write('');
    a.write();
    for (const wrong of [5, null, {}, [], memory, Symbol('x')])
      expect(() => a.write(wrong as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/the data of write\(\)/) }),
      );
    a.end();
    h.sameBytes((await seen.ended).values, 'éABC');
  });
});
