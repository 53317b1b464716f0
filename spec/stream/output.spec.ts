import assert from 'node:assert/strict';
import { from, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, it } from 'vitest';
import { ECLOSED, EOUTBUFLIMIT, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { invariants } from '../support/harness.ts';
import { closing, joined, owned, pattern, ticks, turns, unhandled } from './tools.ts';

describe('output', () => {
  it(
    'is a Subject: next queues, complete is end()',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(b.data$);
      assert.ok(a.output instanceof Subject);
      assert.equal(a.output, a.output);
      from(['one ', Buffer.from('two '), new Uint8Array([51])]).subscribe(a.output);
      assert.equal((await seen.ended).state, 'complete');
      h.sameBytes(seen.values, 'one two 3');
      assert.equal((await closing(a)).by, 'us');
    }),
  );

  it(
    'error is reset() with that cause: the peer sees a reset, data$ and the report the cause',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { errors } = h.watch(b);
      const own = h.watch(a);
      const data = h.observed(a.data$);
      const tapped = h.observed(a.output);
      await ticks();
      const cause = new Error('source failed');
      throwError(() => cause).subscribe(a.output);
      const report = await closing(a);
      assert.deepEqual([report.by, report.error], ['us', cause]);
      assert.deepEqual([data.error, tapped.error], [cause, cause]);
      assert.deepEqual(own.errors.values, []);
      await closing(b);
      h.error(errors.values[0], { code: 'ECONNRESET' });
    }),
  );

  it(
    'shows its subscribers what was taken',
    invariants(async (h) => {
      const [a, b] = joined(h);
      h.observed(b.data$);
      const tapped = h.observed(a.output);
      a.output.next('x');
      a.output.complete();
      assert.deepEqual([(await tapped.ended).state, tapped.values], ['complete', ['x']]);
      a.output.next('lost');
      for (const late of [() => a.output.complete(), () => a.output.error(new Error('late'))]) late();
      await closing(a);
    }),
  );

  it(
    'pending counts the bytes that were accepted and have not left',
    invariants(async (h) => {
      const [a, b] = joined(h);
      assert.equal(a.output.pending, 0);
      a.output.next(pattern(1000));
      a.write(pattern(500));
      assert.equal(a.output.pending, 1500);
      h.observed(b.data$);
      await h.until(() => a.output.pending === 0);
    }),
  );

  it(
    'blocked$ turns back when outBuf is emptied or replaced by less',
    invariants((h) => {
      const [io] = owned(h, new IOStream({ wire: () => () => NEVER, highWaterMark: 10_000 }));
      const seen = h.observed(io.output.blocked$);
      io.write(pattern(10_000));
      io.outBuf = '';
      assert.deepEqual(seen.values, [false, true, false]);
      io.write(pattern(10_000));
      io.outBuf = pattern(5000);
      assert.deepEqual(seen.values, [false, true, false, true, false]);
      io.write(pattern(5000));
      io.outPos = 5000;
      assert.deepEqual(seen.values, [false, true, false, true, false, true, false]);
    }),
  );

  it(
    'blocked$ starts with its present value, turns at highWaterMark and back at half of it',
    invariants(async (h) => {
      const [a, b] = joined(h, { highWaterMark: 10_000 });
      h.observed(b.data$);
      b.pause();
      const seen = h.observed(a.output.blocked$);
      assert.deepEqual(seen.values, [false]);
      assert.equal(a.write(pattern(9999)), true);
      assert.deepEqual(seen.values, [false]);
      assert.equal(a.write('x'), false);
      assert.deepEqual(seen.values, [false, true]);
      const late = h.observed(a.output.blocked$);
      assert.deepEqual(late.values, [true]);
      b.resume();
      await seen.value((blocked) => !blocked);
      await ticks(20);
      assert.deepEqual(
        [seen.values, late.values],
        [
          [false, true, false],
          [true, false],
        ],
      );
      a.close();
      await closing(a);
      assert.deepEqual([seen.state, late.state], ['complete', 'complete']);
    }),
  );

  it(
    'blocked$ starts with true when it is first asked for while bytes wait',
    invariants(async (h) => {
      const [a, b] = joined(h);
      b.pause();
      a.write(pattern(100_000));
      const seen = h.observed(a.output.blocked$);
      assert.deepEqual(seen.values, [true]);
    }),
  );

  it(
    'blocked$ of a closed stream is complete, asked for first or again',
    invariants(async (h) => {
      const [a, b] = joined(h);
      h.watch(b);
      a.reset();
      for (const io of [a, b]) {
        await closing(io);
        const seen = h.observed(io.output.blocked$);
        assert.equal(seen.state, 'complete');
        io.output.next('lost');
        const tapped = h.observed(io.output);
        assert.equal(tapped.state, 'complete');
      }
    }),
  );

  it(
    'a write answers false exactly as long as the caller should wait, and honouring it never fails',
    invariants(async (h) => {
      const [a, b] = joined(h, { outBufLimit: 5000 });
      const { errors } = h.watch(a);
      const seen = h.observed(b.data$);
      for (let each = 0; each < 100; each += 1) {
        if (!a.write(pattern(1300, each + 1))) await h.until(() => a.output.pending === 0);
      }
      a.end();
      await seen.ended;
      assert.equal(Buffer.concat(seen.values).length, 130_000);
      assert.deepEqual(errors.values, []);
    }),
  );

  it(
    'over outBufLimit is a fatal EOUTBUFLIMIT, in manual mode too, and never a hole',
    invariants(async (h) => {
      for (const options of [{}, { waitFor: OUT | SENT }, { isFatal: () => false }]) {
        const [a, b] = joined(h, { ...options, outBufLimit: 10_000 });
        const { errors } = h.watch(a);
        h.watch(b);
        const seen = h.observed(b.data$);
        await ticks();
        for (let each = 0; each < 10; each += 1) a.output.next(pattern(6000, each + 1));
        assert.equal(a.output.pending, 12_000);
        const report = await closing(a);
        assert.equal(report.by, 'error');
        h.error(report.error, { code: EOUTBUFLIMIT, phase: 'write' });
        h.error(errors.values[0], { code: EOUTBUFLIMIT });
        await seen.ended;
        const got = Buffer.concat(seen.values);
        h.sameBytes(got, Buffer.concat([pattern(6000, 1), pattern(6000, 2)]).subarray(0, got.length));
        assert.equal(seen.state, 'error');
      }
    }),
  );

  it(
    'after end() tells ECLOSED, and takes nothing more',
    invariants(async (h) => {
      const [a, b] = joined(h, {}, { allowHalfOpen: true });
      const { errors } = h.watch(a);
      const seen = h.observed(b.data$);
      await ticks();
      a.end('x');
      const source = new Subject<string>();
      source.subscribe(a.output);
      source.next('lost');
      source.next('lost');
      await ticks();
      assert.deepEqual(
        errors.values.map((error) => (error as { code: string }).code),
        [ECLOSED],
      );
      assert.equal(a.state, 'open');
      h.sameBytes((await seen.ended).values, 'x');
    }),
  );

  it(
    'refuses what is not bytes with a TypeError',
    invariants(async (h) => {
      const [a, b] = joined(h);
      h.observed(b.data$);
      const reported = unhandled(h);
      for (const wrong of [5, null, undefined, {}, ['x'], new ArrayBuffer(1)])
        assert.throws(() => a.output.next(wrong as never), TypeError);
      of(5 as never, 'kept').subscribe(a.output);
      await turns();
      await h.until(() => reported.length === 1);
      assert.ok(reported[0] instanceof TypeError);
    }),
  );
});

describe('write', () => {
  it(
    'is refused with EOUTBUFLIMIT while outBufLimit bytes wait: fatal only if isFatal says so',
    invariants(async (h) => {
      const [a, b] = joined(h, { outBufLimit: 10_000, isFatal: ({ code }) => code !== EOUTBUFLIMIT });
      const { errors } = h.watch(a);
      const seen = h.observed(b.data$);
      assert.equal(a.write(pattern(9999)), true);
      assert.equal(a.write(pattern(50_000)), false, 'taken, but no more');
      assert.equal(a.write('lost'), false);
      assert.equal(a.write('lost'), false);
      assert.equal(errors.values.length, 0);
      await ticks();
      h.error(errors.values[0], { code: EOUTBUFLIMIT, phase: 'write', fatal: false });
      assert.equal(errors.values.length, 1);
      await h.until(() => a.output.pending === 0);
      assert.equal(a.write('again'), true);
      a.end();
      h.sameBytes((await seen.ended).values, [pattern(9999), pattern(50_000), 'again']);
    }),
  );

  it(
    'has no limit with outBufLimit 0',
    invariants(async (h) => {
      const [a, b] = joined(h, { outBufLimit: 0 });
      const seen = h.observed(b.data$);
      const big = Buffer.alloc(40 * 2 ** 20);
      for (let each = 0; each < 4; each += 1) a.write(big);
      assert.equal(a.output.pending, 160 * 2 ** 20);
      a.end();
      let got = 0;
      for (const chunk of (await seen.ended).values) got += chunk.length;
      assert.equal(got, 160 * 2 ** 20);
    }),
  );

  it(
    'is limited to 64 MiB by default',
    invariants(async (h) => {
      const [a, b] = joined(h);
      h.watch(b);
      const { errors } = h.watch(a);
      const big = Buffer.alloc(16 * 2 ** 20);
      for (let each = 0; each < 4; each += 1) a.write(big);
      a.write('one too many');
      await ticks();
      h.error(errors.values[0], { code: EOUTBUFLIMIT });
      assert.equal((await closing(a)).by, 'error', 'in reactive mode every error closes');
    }),
  );

  it(
    'takes a string as UTF-8 and any view of bytes, and refuses the rest with a TypeError',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(b.data$);
      const memory = new Uint8Array([0, 65, 66, 67, 0]).buffer;
      a.write('é');
      a.write(new Uint8Array(memory, 1, 1));
      a.write(new DataView(memory, 2, 1));
      a.write(Buffer.from(memory, 3, 1));
      a.write('');
      a.write();
      for (const wrong of [5, null, {}, [], memory, Symbol('x')])
        assert.throws(() => a.write(wrong as never), { name: 'TypeError', message: /the data of write\(\)/ });
      a.end();
      h.sameBytes((await seen.ended).values, 'éABC');
    }),
  );
});
