import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { catchError, EMPTY, lastValueFrom, type Observable } from 'rxjs';
import { IOStream } from 'rxjs-io-stream';
import { describe, it } from 'vitest';
import { file, fresh, isOpen } from '../../support/fh-peers.ts';
import { invariants } from '../../support/harness.ts';

const ROUNDS = 60;
const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

const hasFifo = spawnSync('mkfifo', ['--version']).error === undefined;

/** Opens something new in each round, and reads it; the kernel gives the lowest number that is free. */
async function rounds(opened: (path: string) => number): Promise<void> {
  const path = file('content');
  const numbers = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const fh = opened(path);
    numbers.add(fh);
    await readAll(new IOStream({ fh }));
  }
  assert.ok(numbers.size < ROUNDS / 2, `the kernel gave ${numbers.size} numbers: none came again`);
}

const done = (io$: Observable<unknown>): Promise<unknown> => lastValueFrom(io$.pipe(catchError(() => EMPTY)), { defaultValue: undefined });

async function readAll(io: IOStream): Promise<void> {
  const chunks: string[] = [];
  for await (const bytes of io) chunks.push(String(bytes));
  assert.equal(chunks.join(''), 'content');
}

describe('the number of a descriptor may come again as soon as its close was requested', () => {
  it(
    'by files',
    invariants(() => rounds((path) => openSync(path, 'r'))),
  );

  it(
    'by a FileHandle that is opened next, and the other way round',
    invariants(async () => {
      const path = file('content');
      for (let round = 0; round < ROUNDS; round += 1) {
        await readAll(new IOStream({ fh: openSync(path, 'r') }));
        await readAll(new IOStream({ fh: await open(path, 'r') }));
      }
    }),
  );

  it.runIf(hasFifo)(
    'by pipes',
    invariants(async () => {
      const path = fresh();
      execFileSync('mkfifo', [path]);
      await rounds(() => {
        const out = openSync(path, O_RDONLY | O_NONBLOCK);
        const into = openSync(path, O_WRONLY | O_NONBLOCK);
        writeSync(into, 'content');
        closeSync(into);
        return out;
      });
    }),
  );

  it(
    'but not before: a number whose descriptor is open still is refused',
    invariants(async (h) => {
      const fd = openSync(file('content'), 'r');
      const io = new IOStream({ fh: fd });
      const ended = done(io.data$);
      assert.throws(() => new IOStream({ fh: fd }), /^TypeError: can't create second object for same fh/);
      io.reset();
      if (isOpen(fd)) assert.throws(() => new IOStream({ fh: fd }), /^TypeError: can't create second object for same fh/);
      await ended;
      await h.until(() => !isOpen(fd));
      assert.throws(() => new IOStream({ fh: fd }), /^TypeError: can't get file descriptor/);
    }),
  );
});
