import type { OnReadOpts, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { throwError } from 'rxjs';

/** Maximum bytes of one read, the same as in Node. */
export const READ_SIZE: number = 64 * 1024;

/** Maximum number of sockets with a dedicated buffer: 4 MiB in all. */
export const MOST_OWN = 64;

/** Maximum number of recycled buffers in the free list: 1 MiB in all. */
const MOST_SPARE = 16;

/** A read of at least this size is bulk: its buffer is emitted without a copy. At most twice the bytes then stay in memory. */
const BULK = READ_SIZE / 2;

/** A read of less than this ends a bulk transfer. Its reads between both sizes are copied, and the buffer is used again. */
const CRUMB = READ_SIZE / 8;

/** Marks a socket with a dedicated buffer for its next read. A Set of sockets would allocate for each chunk. */
const OWN: unique symbol = Symbol('rxjs-io-stream own buffer');
type Reading<S> = S & { [OWN]?: boolean };
let owners = 0;

/** Memory of emitted buffers that may be recycled, and the free list of recycled ones. */
const given = new WeakSet<ArrayBufferLike>();
const spare: Buffer[] = [];

const shared: Buffer = Buffer.allocUnsafeSlow(READ_SIZE);

/** Buffer for the next socket that requests one. */
let next: Buffer = shared;

/**
 * Reads our own sockets into our own buffers by Node's `onread`. Emits the bytes by `'data'`, as any other stream does.
 *
 * By default all sockets read into one shared buffer, and their bytes are copied out of it: an idle connection holds no buffer. A
 * bulk transfer gets dedicated buffers, which are emitted without a copy. Node itself would allocate 64 KiB for each read, shrink
 * it, and pass it through a Readable. The row `relay` of the bench depends on avoiding that.
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
    // Assign `next` only after 'data': a listener may have created sockets, which have requested buffers.
    if ((isBulk || (isOwn && length >= CRUMB)) && owners < MOST_OWN && !this.destroyed) {
      this[OWN] = true;
      owners += 1;
      next = isOwn && !isBulk ? buffer : (spare.pop() ?? Buffer.allocUnsafeSlow(READ_SIZE));
    }
    return !this.isPaused();
  },
};

/** Undefined in Bun, which does not pass the socket to the callback. */
export const SOCKET_READS: OnReadOpts | undefined = 'bun' in process.versions ? undefined : READS;

/** Ends a socket's use of a dedicated buffer, so that another socket may have one. Call it when the stream is no longer read. */
export function endReads(stream: Reading<Readable>): void {
  if (!stream[OWN]) return;
  stream[OWN] = false;
  owners -= 1;
}

/**
 * Recycles an emitted buffer for other reads. The caller guarantees that no reference to its bytes remains. Buffers of other
 * origin are left to the garbage collector.
 */
export function reuse(bytes: Buffer): void {
  if (!given.delete(bytes.buffer) || spare.length === MOST_SPARE) return;
  spare.push(bytes.length === READ_SIZE ? bytes : Buffer.from(bytes.buffer));
}

/** Number of sockets with a dedicated buffer. */
export function ownBuffers(): number {
  return owners;
}

/** Number of recycled buffers in the free list. */
export function spareBuffers(): number {
  return spare.length;
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Emits 'data'. A throwing listener must not stop Node from requesting the next buffer: it would overwrite the emitted bytes. */
function tell(socket: Socket, bytes: Buffer): void {
  try {
    socket.emit('data', bytes);
  } catch (error) {
    throwError(() => error).subscribe(); // uncaught, or RxJS's `config.onUnhandledError`
  }
}
