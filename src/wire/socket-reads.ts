import type { OnReadOpts, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { throwError } from 'rxjs';

/** The most bytes of one read: as many as Node reads at once. */
export const READ_SIZE: number = 64 * 1024;

/** How many sockets may have a buffer of their own: 4 MiB in all. */
export const MOST_OWN = 64;

/** How many buffers that came back are kept: 1 MiB. */
const MOST_SPARE = 16;

/** A read that fills half of a buffer is bulk: the buffer is given away as it is, and keeps no more than twice its bytes alive. */
const BULK = READ_SIZE / 2;

/** Bulk comes in pieces of any size; a read of less than this ends it. */
const CRUMB = READ_SIZE / 8;

/** Marks a socket that has a buffer of its own, which its next read fills. Not a Set of them: that allocates for each chunk. */
const OWN: unique symbol = Symbol('rxjs-io-stream own buffer');
type Reading<S> = S & { [OWN]?: boolean };
let owners = 0;

/** The memory of buffers that were given away, which may come back; and those that did. */
const given = new WeakSet<ArrayBufferLike>();
const spare: Buffer[] = [];

const shared: Buffer = Buffer.allocUnsafeSlow(READ_SIZE);

/** What the socket that asks next reads into. */
let next: Buffer = shared;

/**
 * How our own sockets read: into buffers of ours, by Node's `onread`, and told by `'data'` like any other stream.
 *
 * All read into one buffer and their bytes are copied out of it, so an idle connection holds none; one that reads bulk gets
 * buffers of its own, and gives them away with the bytes. Node itself allocates 64 KiB for each read, shrinks it, and takes it
 * through a Readable; without, the row `relay` of the bench reaches its figure.
 */
const READS: OnReadOpts = {
  buffer() {
    const buffer = next;
    next = shared;
    return buffer;
  },
  callback(this: Reading<Socket>, length: number, buffer: Buffer) {
    const isOwn = buffer !== shared;
    const isBulk = length >= BULK;
    endReads(this);
    const read = length === buffer.length ? buffer : buffer.subarray(0, length);
    const gives = isOwn && isBulk;
    if (gives) given.add(buffer.buffer);
    tell(this, gives ? read : copyOf(read));
    // Only now: whoever was told may have made sockets, which have asked.
    if ((isBulk || (isOwn && length >= CRUMB)) && owners < MOST_OWN && !this.destroyed) {
      this[OWN] = true;
      owners += 1;
      next = isOwn && !isBulk ? buffer : (spare.pop() ?? Buffer.allocUnsafeSlow(READ_SIZE));
    }
    return !this.isPaused();
  },
};

/** None for Bun, which does not say which socket has read. */
export const SOCKET_READS: OnReadOpts | undefined = 'bun' in process.versions ? undefined : READS;

/** Gives its place among the owners to another. To be called when the stream is done with. */
export function endReads(stream: Reading<Readable>): void {
  if (!stream[OWN]) return;
  stream[OWN] = false;
  owners -= 1;
}

/**
 * Takes back a buffer that was given away, for other reads: whoever calls promises that nobody has its bytes any more. What was
 * not given away so is left to the garbage collector.
 */
export function reuse(bytes: Buffer): void {
  if (!given.delete(bytes.buffer) || spare.length === MOST_SPARE) return;
  spare.push(bytes.length === READ_SIZE ? bytes : Buffer.from(bytes.buffer));
}

/** How many sockets have a buffer of their own. */
export function ownBuffers(): number {
  return owners;
}

/** How many buffers came back, and wait to be read into. */
export function spareBuffers(): number {
  return spare.length;
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}

/** A listener that throws must not keep Node from asking for the next buffer: it would read into the one just given away. */
function tell(socket: Socket, bytes: Buffer): void {
  try {
    socket.emit('data', bytes);
  } catch (error) {
    throwError(() => error).subscribe(); // uncaught, or RxJS's `config.onUnhandledError`
  }
}
