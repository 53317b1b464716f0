import { Duplex, PassThrough, Readable, Writable } from 'node:stream';
import { EMPTY, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { testDial, type TestDialOptions } from '../../src/testing/test-dial.ts';
import { nodeStream } from '../../src/wire/node-stream.ts';
import type { OpenStream } from '../../src/wire/open-stream.ts';
import { END, PAUSE, RESUME, type Flow, type Up } from '../../src/wire/signal.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { data, inWords, sentOf, textOf } from '../support/signal-text.ts';

const WHY = new Error('why');

const opened = (streams: Partial<OpenStream>): OpenStream => ({ kind: 'opened', details: { wire: 'test' }, ...streams });

function drive(h: Harness, streams: Partial<OpenStream>, dial: TestDialOptions = {}): { app: Subject<Flow>; seen: ObserverSpy<Up> } {
  const app = new Subject<Flow>();
  const seen = h.observed(app.pipe(nodeStream(() => of(opened(streams)))(testDial(dial))));
  return { app, seen };
}

/** A sink that completes a write only when `take` is called. */
function slowSink(): { sink: Writable; took: string[]; take(error?: Error): boolean } {
  const took: string[] = [];
  let pending: ((error?: Error) => void) | undefined;
  const sink = new Writable({
    highWaterMark: 1024,
    write(chunk: Buffer, _encoding, done) {
      took.push(chunk.toString('latin1'));
      pending = done;
    },
    writev(chunks, done) {
      took.push(chunks.map(({ chunk }) => (chunk as Buffer).toString('latin1')).join(''));
      pending = done;
    },
  });
  const take = (error?: Error): boolean => {
    const done = pending;
    pending = undefined;
    done?.(error);
    return done !== undefined;
  };
  return { sink, took, take };
}

const turn = (): Promise<unknown> => new Promise(setImmediate);

/** Reads all bytes that can be read now. Newer versions of Node return them chunk by chunk. */
function everything(stream: Readable): string {
  let text = '';
  for (let chunk = stream.read() as Buffer | null; chunk; chunk = stream.read() as Buffer | null) text += chunk.toString();
  return text;
}

describe('nodeStream', () => {
  describe('opening', () => {
    it('opens the stream at each subscription, with the dial of the wire', () => {
      const dials: unknown[] = [];
      const wire = nodeStream((dial) => (dials.push(dial), NEVER));
      const dial = testDial();
      const up$ = NEVER.pipe(wire(dial));
      expect(dials).toEqual([]);
      up$.subscribe().unsubscribe();
      up$.subscribe().unsubscribe();
      expect(dials).toEqual([dial, dial]);
    });

    it('errors with an IOStreamError of phase connect for any failure', () => {
      const seen: unknown[] = [];
      const cause = Object.assign(new Error('connect ENOENT'), { code: 'ENOENT', errno: -2, syscall: 'connect' });
      NEVER.pipe(nodeStream(() => throwError(() => cause))(testDial())).subscribe({ error: (error: unknown) => seen.push(error) });
      expect(seen).toMatchObject([{ name: 'IOStreamError', code: 'ENOENT', phase: 'connect', cause }]);
    });

    it('does not open the stream when the flow has ended before', () => {
      let open = 0;
      const wire = nodeStream(() => new Observable(() => void (open += 1)));
      const log: unknown[] = [];
      EMPTY.pipe(wire(testDial())).subscribe({ complete: () => log.push('complete') });
      throwError(() => WHY)
        .pipe(wire(testDial()))
        .subscribe({ error: (error: unknown) => log.push(error) });
      expect([open, log]).toEqual([0, ['complete', WHY]]);
    });

    it('frees what is being opened on unsubscribe, close and reset', () => {
      for (const leave of ['unsubscribe', 'complete', 'error'] as const) {
        let freed = 0;
        const app = new Subject<Flow>();
        const subscription = app
          .pipe(nodeStream(() => new Observable(() => () => (freed += 1)))(testDial()))
          .subscribe({ error: () => {} });
        if (leave === 'unsubscribe') subscription.unsubscribe();
        else app[leave](WHY);
        expect(freed, leave).toBe(1);
      }
    });

    spec('buffers outbound signals until the stream is open, and keeps their order', async (h) => {
      const opening = new Subject<OpenStream>();
      const app = new Subject<Flow>();
      const sink = new PassThrough();
      h.observed(app.pipe(nodeStream(() => opening)(testDial())));
      app.next(data('a'));
      app.next(data('b'));
      app.next(END);
      opening.next(opened({ writable: sink, fin: false }));
      await turn();
      expect(everything(sink)).toBe('ab');
      expect(sink.writableEnded).toBe(true);
    });
  });

  describe('one direction', () => {
    spec('a Readable emits its bytes and its end, and completes without an end of ours', async (h) => {
      const { seen } = drive(h, { readable: Readable.from([Buffer.from('a'), Buffer.from('b')]), fin: false });
      await seen.ended;
      expect([inWords(seen.values).join(), seen.state]).toEqual(['connected,data a,data b,end', 'complete']);
    });

    spec('a Writable emits `sent`, completes after our end, and emits no end', async (h) => {
      const sink = new PassThrough();
      sink.resume();
      const { app, seen } = drive(h, { writable: new Writable({ write: (_chunk, _encoding, done) => done() }), fin: false });
      app.next(data('abc'));
      app.next(END);
      await seen.ended;
      expect([inWords(seen.values), seen.state]).toEqual([['connected', 'sent 3'], 'complete']);
    });

    spec('a write to a Readable errors with EBADF', async (h) => {
      const { app, seen } = drive(h, { readable: new Readable({ read() {} }), fin: false });
      app.next(data('x'));
      h.error(seen.error, { code: 'EBADF', phase: 'write' });
    });
  });

  describe('writing', () => {
    spec('writes at most 256 KiB to Node at a time, so that `sent` follows the transfer', async (h) => {
      const { sink, took, take } = slowSink();
      const { app, seen } = drive(h, { writable: sink, fin: false });
      const size = 1024 * 1024 + 17;
      app.next({ kind: 'data', bytes: new Uint8Array(size) });
      app.next(data('after'));
      const reported: number[] = [];
      while (take()) {
        await turn();
        reported.push(sentOf(seen.values));
      }
      expect(Math.max(...took.map((piece) => piece.length))).toBeLessThanOrEqual(256 * 1024);
      expect(reported).toEqual([...[1, 2, 3, 4].map((piece) => piece * 256 * 1024), size, size + 5]);
      expect(took.join('').endsWith('after')).toBe(true);
    });

    spec('emits one pause while bytes are queued, and one resume when the queue is empty', async (h) => {
      const { sink, take } = slowSink();
      const { app, seen } = drive(h, { writable: sink, fin: false });
      app.next({ kind: 'data', bytes: new Uint8Array(700 * 1024) });
      app.next({ kind: 'data', bytes: new Uint8Array(700 * 1024) });
      while (take()) await turn();
      const words = inWords(seen.values).filter((word) => !word.startsWith('sent'));
      expect(words).toEqual(['connected', 'pause', 'resume']);
    });

    spec('keeps the order of bytes that are written inside the pause signal', async () => {
      const { sink, took, take } = slowSink();
      const app = new Subject<Flow>();
      let once = true;
      const up$ = app.pipe(nodeStream(() => of(opened({ writable: sink, fin: false })))(testDial()));
      const subscription = up$.subscribe(({ kind }) => {
        if (kind !== 'pause' || !once) return;
        once = false;
        app.next(data('second'));
      });
      app.next(data(`${'x'.repeat(300 * 1024)}first`));
      while (take()) await turn();
      expect(took.join('').slice(300 * 1024)).toBe('firstsecond');
      subscription.unsubscribe();
    });

    spec('ends the stream only when all queued bytes are written, also on close', async (h) => {
      for (const close of [false, true]) {
        const { sink, took, take } = slowSink();
        const { app, seen } = drive(h, { writable: sink, fin: false });
        app.next({ kind: 'data', bytes: new Uint8Array(900 * 1024) });
        if (close) app.complete();
        else app.next(END);
        expect(sink.writableEnded).toBe(false);
        while (take()) await turn();
        await seen.ended;
        expect([seen.state, took.join('').length, sentOf(seen.values)]).toEqual(['complete', 900 * 1024, 900 * 1024]);
      }
    });

    spec('does not report failed writes as sent', async (h) => {
      const { sink, take } = slowSink();
      const { app, seen } = drive(h, { writable: sink, fin: false });
      app.next(data('one'));
      take();
      await turn();
      app.next(data('two'));
      app.next(data('three'));
      take(Object.assign(new Error('write EIO'), { code: 'EIO', syscall: 'write' }));
      await seen.ended;
      h.error(seen.error, { code: 'EIO', phase: 'write' });
      expect(sentOf(seen.values)).toBe(3);
    });

    spec('writes many small chunks at once without deep recursion', async (h) => {
      const { sink, took, take } = slowSink();
      const { app } = drive(h, { writable: sink, fin: false });
      for (let write = 0; write < 20_000; write += 1) app.next(data('0123456789'));
      while (take()) await turn();
      expect(took.join('').length).toBe(200_000);
      expect(took.length).toBeLessThan(10);
    });

    spec('a write after our end errors with EPIPE', async (h) => {
      const { app, seen } = drive(h, { writable: slowSink().sink, fin: false });
      app.next(END);
      app.next(data('x'));
      await seen.ended;
      expect(seen.error).toMatchObject({ name: 'IOStreamError', code: 'EPIPE', phase: 'write' });
    });
  });

  describe('reading', () => {
    spec('emits the bytes read before an error although it is paused, then the error', async (h) => {
      const source = new Readable({ read() {} });
      const { app, seen } = drive(h, { readable: source, fin: false });
      app.next(PAUSE);
      source.push('before ');
      source.push('the error');
      source.destroy(Object.assign(new Error('read EIO'), { code: 'EIO', syscall: 'read' }));
      await seen.ended;
      h.error(seen.error, { code: 'EIO', phase: 'read' });
      expect(textOf(seen.values)).toBe('before the error');
    });

    spec('emits each byte once when the error comes while bytes flow', async (h) => {
      const source = new Readable({ read() {} });
      const { seen } = drive(h, { readable: source, fin: false });
      await turn();
      source.push('a');
      await turn();
      source.push('b');
      source.destroy(new Error('odd'));
      await seen.ended;
      expect(textOf(seen.values)).toBe('ab');
      expect(seen.error).toMatchObject({ name: 'IOStreamError', phase: 'read', message: 'odd [EPROTOCOL]' });
    });

    spec('emits no more buffered bytes when the subscriber unsubscribes on the first chunk', async () => {
      const source = new Readable({ read() {} });
      const seen: string[] = [];
      const subscription = NEVER.pipe(nodeStream(() => of(opened({ readable: source, fin: false })))(testDial())).subscribe((signal) => {
        seen.push(signal.kind);
        if (signal.kind === 'data') subscription.unsubscribe();
      });
      source.pause();
      source.push('a');
      source.push('b');
      source.destroy(new Error('odd'));
      await turn();
      expect(seen).toEqual(['connected', 'data']);
    });

    spec('pauses and resumes the stream', async (h) => {
      const source = new Readable({ read() {} });
      const { app, seen } = drive(h, { readable: source, fin: false });
      app.next(PAUSE);
      expect(source.isPaused()).toBe(true);
      source.push('a');
      await turn();
      expect(textOf(seen.values)).toBe('');
      app.next(RESUME);
      await turn();
      expect(textOf(seen.values)).toBe('a');
    });
  });

  describe('closing', () => {
    spec('a Duplex waits for the end of its input, and gives up after `timeouts.close`', async (h) => {
      const stuck = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      const scheduler = new TestScheduler(() => {});
      const { app, seen } = drive(h, { readable: stuck, writable: stuck }, { scheduler });
      app.complete();
      await turn();
      expect([seen.state, stuck.writableFinished, stuck.destroyed]).toEqual(['open', true, false]);
      scheduler.maxFrames = Infinity;
      let destroyedFirst: boolean | undefined;
      void seen.ended.then(() => (destroyedFirst = stuck.destroyed));
      scheduler.flush();
      expect(seen.state).toBe('complete');
      await turn();
      expect(destroyedFirst).toBe(true);
    });

    spec('a stream that never closes is given up after `timeouts.close`', async (h) => {
      const stuck = new Readable({ read() {}, destroy() {} });
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const { app, seen } = drive(h, { readable: stuck, fin: false }, { scheduler });
      app.complete();
      expect(seen.state).toBe('open');
      scheduler.flush();
      expect(seen.state).toBe('complete');
    });

    spec('a close waits without a limit at Infinity', async (h) => {
      const stuck = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      const scheduler = new TestScheduler(() => {});
      const { app, seen } = drive(h, { readable: stuck, writable: stuck }, { scheduler, timeouts: { close: Infinity } });
      app.complete();
      scheduler.flush();
      expect(seen.state).toBe('open');
    });

    spec('an error while closing has the phase close', async (h) => {
      const { sink, take } = slowSink();
      const { app, seen } = drive(h, { writable: sink, fin: false });
      app.next(data('x'));
      app.complete();
      take(new Error('odd'));
      await seen.ended;
      expect(seen.error).toMatchObject({ phase: 'close', message: 'odd [EPROTOCOL]' });
    });
  });

  spec('keeps no listener on a stream after the end of the connection', async (h) => {
    const both = new PassThrough();
    const { app, seen } = drive(h, { readable: both, writable: both });
    app.next(data('x'));
    app.next(END);
    await seen.ended;
    expect([textOf(seen.values), sentOf(seen.values), seen.state]).toEqual(['x', 1, 'complete']);
    expect(['data', 'drain', 'finish', 'error', 'close'].map((event) => both.listenerCount(event))).toEqual([0, 0, 0, 0, 0]);
  });
});
