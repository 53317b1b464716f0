import { fstatSync } from 'node:fs';
import { ReadStream } from 'node:tty';

/** Device number 5:2 of Linux, /dev/ptmx: that of every pseudo-terminal master. */
const PTY_MASTER = 0x502;

/**
 * Converts the EIO of a pseudo-terminal master into the end of its input. Linux reports EIO when the last slave has closed, after
 * all bytes written to the slave have been read. Other systems report EOF. Other streams keep their EIO.
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
