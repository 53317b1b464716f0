import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { catchError, EMPTY, lastValueFrom, type Observable } from 'rxjs';
import { IOStream } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { file, fresh, isOpen } from '../../support/fh-peers.ts';
import { spec } from '../../support/spec.ts';

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
  expect(numbers.size < ROUNDS / 2, `the kernel gave ${numbers.size} numbers: none came again`).toBe(true);
}

const done = (io$: Observable<unknown>): Promise<unknown> => lastValueFrom(io$.pipe(catchError(() => EMPTY)), { defaultValue: undefined });

async function readAll(io: IOStream): Promise<void> {
  const chunks: string[] = [];
  for await (const bytes of io) chunks.push(String(bytes));
  expect(chunks.join('')).toBe('content');
}

describe('the number of a descriptor may come again as soon as its close was requested', () => {
  spec('by files', () => rounds((path) => openSync(path, 'r')));

  spec('by a FileHandle that is opened next, and the other way round', async () => {
    const path = file('content');
    for (let round = 0; round < ROUNDS; round += 1) {
      await readAll(new IOStream({ fh: openSync(path, 'r') }));
      await readAll(new IOStream({ fh: await open(path, 'r') }));
    }
  });

  spec.runIf(hasFifo)('by pipes', async () => {
    const path = fresh();
    execFileSync('mkfifo', [path]);
    await rounds(() => {
      const out = openSync(path, O_RDONLY | O_NONBLOCK);
      const into = openSync(path, O_WRONLY | O_NONBLOCK);
      writeSync(into, 'content');
      closeSync(into);
      return out;
    });
  });

  spec('but not before: a number whose descriptor is open still is refused', async (h) => {
    const fd = openSync(file('content'), 'r');
    const io = new IOStream({ fh: fd });
    const ended = done(io.data$);
    expect(() => new IOStream({ fh: fd })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^can't create second object for same fh/) }),
    );
    io.reset();
    if (isOpen(fd))
      expect(() => new IOStream({ fh: fd })).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^can't create second object for same fh/) }),
      );
    await ended;
    await h.until(() => !isOpen(fd));
    expect(() => new IOStream({ fh: fd })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^can't get file descriptor/) }),
    );
  });
});
