import { close } from 'node:fs';
import type { StreamPair } from '../open-stream.ts';
import type { CloseFd } from './close-fd.ts';
import { fdKind } from './fd-kind.ts';
import { fileStreams } from './file-streams.ts';
import { socketStreams } from './socket-streams.ts';
import { ttyStreams } from './tty-streams.ts';

/**
 * Creates the streams of a descriptor. The descriptor is closed together with them.
 *
 * @param onClosing called when the close is requested. From then on the number may belong to another file.
 */
export function fdStreams(fd: number, onClosing: () => void): StreamPair {
  const kind = fdKind(fd);
  const closeFd: CloseFd = (done) => {
    onClosing();
    close(fd, done);
  };
  switch (kind.sort) {
    case 'socket':
    case 'pipe':
      return socketStreams(fd, kind, onClosing);
    case 'tty':
      return ttyStreams(fd, kind, closeFd, onClosing);
    case 'file':
      return fileStreams(fd, kind, closeFd);
  }
}
