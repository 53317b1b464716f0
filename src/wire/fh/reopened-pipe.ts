import { constants, openSync } from 'node:fs';
import type { StreamPair } from '../open-stream.ts';
import type { FdKind } from './fd-kind.ts';
import { socketStreams } from './socket-streams.ts';

/**
 * Opens the pipe of a `FileHandle` a second time, where the system allows it. The handle owns its number, so a socket must not
 * close it. Reading the pipe through `fs` would block a pool thread, and keep the process alive, until bytes arrive.
 */
export function reopenedPipe(fd: number, kind: FdKind, onClosing: () => void): StreamPair | undefined {
  const { O_NONBLOCK, O_RDONLY, O_WRONLY, O_RDWR } = constants;
  const mode = kind.canRead && kind.canWrite ? O_RDWR : kind.canRead ? O_RDONLY : O_WRONLY;
  try {
    return socketStreams(openSync(`/dev/fd/${fd}`, mode | O_NONBLOCK), kind, onClosing);
  } catch {
    return undefined;
  }
}
