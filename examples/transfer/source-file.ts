import { createCipheriv } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, constants, mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from './failure.ts';
import { mib } from './format.ts';

/** The file to send. */
export interface SourceFile {
  readonly path: string;
  readonly size: number;
  readonly words: string;
}

/** Opens the user's file. Throws a {@link Failure} if it is not a file or cannot be read. */
export async function ownFile(path: string): Promise<SourceFile> {
  const expected = `a file that can be read at ${path}`;
  const facts = await stat(path).catch((error: unknown) => {
    throw new Failure(expected, messageOf(error), 'check the path');
  });
  if (facts.isDirectory()) throw new Failure(expected, 'a directory', 'give a file inside it, or an archive of it');
  if (!facts.isFile()) throw new Failure(expected, 'a pipe, socket or device', 'copy what it gives to a file');
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw new Failure(expected, messageOf(error), 'check its permissions');
  });
  return { path, size: facts.size, words: `${path} (${mib(facts.size)})` };
}

/** Creates a file of pseudo-random bytes, the same each time. The file is removed when the process exits. */
export async function temporaryFile(size: number, signal: AbortSignal): Promise<SourceFile> {
  try {
    const folder = await mkdtemp(join(tmpdir(), 'rxjs-io-stream-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'random.bin');
    await writeFile(path, randomChunks(size), { signal });
    return { path, size, words: `${path} (${mib(size)} of seeded pseudo-random bytes, removed at the end)` };
  } catch (error) {
    signal.throwIfAborted();
    throw new Failure(`room for ${mib(size)} in ${tmpdir()}`, messageOf(error), 'give a smaller --size, a FILE of yours, or set TMPDIR');
  }
}

/** Generates pseudo-random bytes from the key stream of a cipher, at more than 1 GiB per second. */
function* randomChunks(size: number, seed = 42): Generator<Buffer> {
  const zeros = Buffer.alloc(256 * 1024);
  const aes = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  for (let left = size; left > 0; left -= zeros.length) yield aes.update(left < zeros.length ? zeros.subarray(0, left) : zeros);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
