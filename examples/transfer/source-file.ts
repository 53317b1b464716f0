import { createCipheriv } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, constants, mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '../support/format.ts';
import { Failure } from './failure.ts';

/** The file to send. */
export interface SourceFile {
  readonly path: string;
  readonly size: number;
  /** Its path and size, for people. */
  readonly description: string;
}

/** Opens the user's file. Throws a {@link Failure} if it is not a file or cannot be read. */
export async function ownFile(path: string): Promise<SourceFile> {
  const expected = `a file that can be read at ${path}`;
  const facts = await stat(path).catch((error: unknown) => {
    throw new Failure(expected, messageOf(error), 'check the path');
  });
  if (facts.isDirectory()) throw new Failure(expected, 'a directory', 'name a file inside it, or an archive of it');
  if (!facts.isFile()) throw new Failure(expected, 'a pipe, socket or device', 'copy its bytes to a file');
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw new Failure(expected, messageOf(error), 'check its permissions');
  });
  return { path, size: facts.size, description: `${path} (${formatBytes(facts.size)})` };
}

/** Creates a file of pseudo-random bytes, the same each time. The file is removed when the process exits. */
export async function temporaryFile(size: number, signal: AbortSignal): Promise<SourceFile> {
  try {
    const folder = await mkdtemp(join(tmpdir(), 'rxjs-io-stream-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'random.bin');
    await writeFile(path, randomChunks(size), { signal });
    return { path, size, description: `${path} (${formatBytes(size)} of seeded pseudo-random bytes, removed at the end)` };
  } catch (error) {
    signal.throwIfAborted();
    throw new Failure(
      `room for ${formatBytes(size)} in ${tmpdir()}`,
      messageOf(error),
      'choose a smaller --size or a FILE of yours, or set TMPDIR',
    );
  }
}

/** Generates pseudo-random bytes from the key stream of a cipher, at more than 1 GiB per second. */
function* randomChunks(size: number, seed = 42): Generator<Buffer> {
  const zeros = Buffer.alloc(256 * 1024);
  const aes = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  for (let remaining = size; remaining > 0; remaining -= zeros.length)
    yield aes.update(remaining < zeros.length ? zeros.subarray(0, remaining) : zeros);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
