import type fs from 'node:fs';
import { createReadStream, createWriteStream, read, write, writev } from 'node:fs';
import type { StreamPair } from '../open-stream.ts';
import type { CloseFd } from './close-fd.ts';
import type { FdKind } from './fd-kind.ts';

/** Creates the streams of a file. Both share one descriptor and its position. The last one to close closes the descriptor. */
export function fileStreams(fd: number, { canRead, canWrite }: FdKind, close: CloseFd): StreamPair {
  let users = Number(canRead) + Number(canWrite);
  const closeShared = (_fd: number, done: (error?: Error | null) => void): void => {
    users -= 1;
    if (users === 0) close(done);
    else done();
  };
  const closeOfFs = closeShared as typeof fs.close;
  return {
    readable: canRead ? createReadStream('', { fd, fs: { read, close: closeOfFs } }) : undefined,
    writable: canWrite ? createWriteStream('', { fd, fs: { write, writev, close: closeOfFs } }) : undefined,
    fin: false,
  };
}
