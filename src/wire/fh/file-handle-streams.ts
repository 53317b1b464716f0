import type { FileHandle } from 'node:fs/promises';
import { noop } from 'rxjs';
import { streamsOf, type StreamPair } from '../open-stream.ts';
import type { CloseFd } from './close-fd.ts';
import { fdKind } from './fd-kind.ts';
import { fileStreams } from './file-streams.ts';
import { noDescriptor } from './no-descriptor.ts';
import { reopenedPipe } from './reopened-pipe.ts';
import { ttyStreams } from './tty-streams.ts';

/**
 * Creates the streams of a `FileHandle`. The handle is closed together with them, and referenced until then, so that it is not
 * garbage-collected while in use.
 *
 * @param onClosing called when the close is requested.
 */
export function fileHandleStreams(handle: FileHandle, onClosing: () => void): StreamPair {
  const { fd } = handle;
  if (fd < 0) throw noDescriptor('an open FileHandle', 'one that is closed', 'pass it before it is closed');
  const kind = fdKind(fd);
  const close: CloseFd = (done) => {
    onClosing();
    void handle.close().then(() => done(), done);
  };
  const pipe = kind.sort === 'pipe' ? reopenedPipe(fd, kind, () => close(noop)) : undefined;
  const pair = pipe ?? (kind.sort === 'tty' ? ttyStreams(fd, kind, close, onClosing) : fileStreams(fd, kind, close));
  // The handle may be closed by other code. From then on its number may belong to another file.
  (handle as FileHandle & NodeJS.EventEmitter).once('close', () => {
    for (const stream of streamsOf(pair)) stream.destroy();
  });
  return pair;
}
