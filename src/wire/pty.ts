import { fstatSync } from 'node:fs';
import { ReadStream } from 'node:tty';

/** The device 5:2 of Linux, /dev/ptmx: every master of a pseudo-terminal is one. */
const PTY_MASTER = 0x502;

/**
 * Makes an end of the input of what Linux reports to the master of a pseudo-terminal as EIO: that the last slave was closed.
 * All that was written to the slave has been read by then. Other systems report an EOF, and other streams keep their EIO.
 */
export function endOnHangup(stream: object): void {
  if (!(stream instanceof ReadStream) || !isPtyMaster(stream)) return;
  const destroy = stream.destroy.bind(stream);
  stream.destroy = (error) => {
    if (!isHangup(error)) return destroy(error);
    stream.push(null);
    stream.read(0);
    return stream;
  };
}

function isPtyMaster(stream: ReadStream): boolean {
  const { _handle: handle } = stream as unknown as { _handle?: { fd?: number } };
  if (process.platform !== 'linux' || typeof handle?.fd !== 'number' || handle.fd < 0) return false;
  return fstatSync(handle.fd).rdev === PTY_MASTER;
}

function isHangup(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code === 'EIO' && error.syscall === 'read';
}
