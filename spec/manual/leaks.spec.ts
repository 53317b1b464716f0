import type { Socket } from 'node:net';
import { EOF, IN, IOStream, SENT } from 'rxjs-io-stream';
import { assert, describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { deadPort, served, type Place } from '../support/loopback.ts';

const MAX_CONCURRENT = 50;

/** Calls `done` at its end. Returns no promise, because the async hooks of the harness would take more time than the task. */
type Task = (done: () => void) => void;

/** Runs a task `count` times, up to MAX_CONCURRENT at once. */
function times(count: number, task: Task): Promise<void> {
  return new Promise((resolve) => {
    let [remaining, running] = [count, 0];
    const done = (): void => {
      running -= 1;
      if (remaining > 0) next();
      else if (running === 0) resolve();
    };
    const next = (): void => {
      remaining -= 1;
      running += 1;
      task(done);
    };
    while (running < Math.min(MAX_CONCURRENT, count)) next();
  });
}

/** Returns the used bytes of the heap after a full garbage collection. */
async function heap(): Promise<number> {
  assert(globalThis.gc, 'the runner starts node with --expose-gc');
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise(setImmediate);
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

/**
 * Returns the bytes of the heap that each task retains, after a warm-up in which code is compiled. Measures twice, and returns
 * the smaller value: a leak shows in both.
 */
async function slope(count: number, task: Task): Promise<number> {
  const half = Math.floor(count * 0.35);
  await times(count - 2 * half, task);
  const before = await heap();
  await times(half, task);
  const between = await heap();
  await times(half, task);
  const after = await heap();
  return Math.min(between - before, after - between) / half;
}

/** Connects, waits for the echo, and closes. */
function cycle(place: Place): Task {
  return (done) => {
    const cb = (io: IOStream, _mask: number, error?: Error): void => {
      if (error) throw error;
      if (io.inBuf.toString() === 'hello') io.close();
    };
    new IOStream({ ...place, waitFor: IN | SENT | EOF, outBuf: 'hello', cb }).closed$.subscribe(({ by }) => {
      expect(by).toBe('us');
      done();
    });
  };
}

function echo(io: IOStream, mask: number): void {
  if (mask & IN) io.write(io.read());
  if (mask & EOF) io.close();
}

describe('streams that connect, receive an echo and close', () => {
  const accept = (fh: Socket): IOStream => new IOStream({ fh, waitFor: IN | EOF, cb: echo });

  spec('retain no handle, listener, timer or memory after 10,000 connections', async (h) => {
    const place = await served(h, accept);
    const bytes = await slope(10_000, cycle(place));
    assert(bytes < 50, `${bytes} bytes of heap each`);
  });

  spec('retain no handle, listener or timer after 1,000 connections over UNIX sockets', async (h) => {
    const place = await served(h, accept, 'UNIX');
    await times(1_000, cycle(place));
  });
});

describe('streams that are refused, or closed before they are connected', () => {
  spec('retain no handle, listener, timer or memory', async (h) => {
    const place = await served(h);
    const port = await deadPort();
    const both: Task = (done) => {
      new IOStream({ ...place, waitFor: 0, outBuf: 'never', timeouts: { idle: 60_000 } }).close();
      new IOStream({ host: '127.0.0.1', port, waitFor: IN, cb: () => {} }).closed$.subscribe(({ by }) => {
        expect(by).toBe('error');
        done();
      });
    };
    const bytes = await slope(2_000, both);
    assert(bytes < 100, `${bytes} bytes of heap for both`);
  });
});
