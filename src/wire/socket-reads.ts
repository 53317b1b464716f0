import type { OnReadOpts, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { reportUnhandled } from '../util/report-unhandled.ts';
import { addReadEvents, eventTarget } from './stream-events.ts';

/** Maximum bytes of one read, the same as in Node. */
export const READ_SIZE: number = 64 * 1024;

/** Maximum number of sockets with a dedicated buffer: 4 MiB in all. */
export const MAX_DEDICATED = 64;

/** Maximum number of recycled buffers in the free list: 1 MiB in all. */
const MAX_FREE_BUFFERS = 16;

/** A read of at least this size is bulk: its buffer is emitted without a copy. At most twice the bytes then stay in memory. */
const LARGE_READ = READ_SIZE / 2;

/** A read of less than this ends a bulk transfer. Its reads between both sizes are copied, and the buffer is used again. */
const SMALL_READ = READ_SIZE / 8;

/** Marks a socket with a dedicated buffer for its next read. A Set of sockets would allocate for each chunk. */
const DEDICATED: unique symbol = Symbol('rxjs-io-stream dedicated buffer');
type MaybeDedicated<S> = S & { [DEDICATED]?: boolean };
let dedicatedSockets = 0;

/** Memory of emitted buffers that may be recycled, and the free list of recycled ones. */
const inUse = new WeakSet<ArrayBufferLike>();
const freeList: Buffer[] = [];

const sharedBuffer: Buffer = Buffer.allocUnsafeSlow(READ_SIZE);

/** Buffer for the next socket that requests one. */
let nextBuffer: Buffer = sharedBuffer;

/**
 * Reads our own sockets into our own buffers by Node's `onread`. Emits the bytes by `'data'`, as any other stream does.
 *
 * By default all sockets read into one shared buffer, and their bytes are copied out of it: an idle connection has no buffer. A
 * bulk transfer gets dedicated buffers, which are emitted without a copy. Node itself would allocate 64 KiB for each read, shrink
 * it, and pass it through a Readable. The row `relay` of the bench depends on avoiding that.
 */
const READS: OnReadOpts = {
  buffer() {
    const buffer = nextBuffer;
    nextBuffer = sharedBuffer;
    return buffer;
  },
  callback(this: MaybeDedicated<Socket>, length: number, buffer: Buffer) {
    const isDedicated = buffer !== sharedBuffer;
    const isBulk = length >= LARGE_READ;
    endReads(this);
    const read = length === buffer.length ? buffer : buffer.subarray(0, length);
    const isEmittedAsIs = isDedicated && isBulk;
    if (isEmittedAsIs) inUse.add(buffer.buffer);
    emit(this, isEmittedAsIs ? read : copyOf(read));
    // Assign `next` only after 'data': a listener may have created sockets, which have requested buffers.
    if ((isBulk || (isDedicated && length >= SMALL_READ)) && dedicatedSockets < MAX_DEDICATED && !this.destroyed) {
      this[DEDICATED] = true;
      dedicatedSockets += 1;
      nextBuffer = isDedicated && !isBulk ? buffer : (freeList.pop() ?? Buffer.allocUnsafeSlow(READ_SIZE));
    }
    return !this.isPaused();
  },
};

/** Undefined in Bun, which does not pass the socket to the callback. */
export const SOCKET_READS: OnReadOpts | undefined = 'bun' in process.versions ? undefined : READS;

/** Passes the bytes of a stream, and its end, to its target. */
export function startReading(readable: Readable, isPaused: boolean): void {
  // Pause before adding the 'data' listener: adding it schedules a resume at the end of the tick unless the stream is paused.
  if (isPaused) readable.pause();
  addReadEvents(readable);
  readable.on('data', onData);
  if (!isPaused) readable.resume();
}

/** Passes bytes to the target no longer. */
export function stopReading(readable: Readable): void {
  endReads(readable.off('data', onData));
}

/** Stops reading, and takes the chunks that the stream has buffered. */
export function* bufferedReads(readable: Readable): Generator<Uint8Array> {
  readable.off('data', onData);
  const read = (): Uint8Array | null => readable.read() as Uint8Array | null;
  for (let chunk = read(); chunk; chunk = read()) yield chunk;
}

/** The listener of all streams. */
function onData(this: Readable, chunk: Uint8Array): void {
  eventTarget(this)?.onData(chunk);
}

/** Ends a socket's use of a dedicated buffer, so that another socket may have one. */
export function endReads(stream: MaybeDedicated<Readable>): void {
  if (!stream[DEDICATED]) return;
  stream[DEDICATED] = false;
  dedicatedSockets -= 1;
}

/**
 * Recycles an emitted buffer for other reads. The caller guarantees that no reference to its bytes remains. Buffers of other
 * origin are left to the garbage collector.
 */
export function recycle(bytes: Buffer): void {
  if (!inUse.delete(bytes.buffer) || freeList.length === MAX_FREE_BUFFERS) return;
  freeList.push(bytes.length === READ_SIZE ? bytes : Buffer.from(bytes.buffer));
}

/** Number of sockets with a dedicated buffer. */
export function dedicatedBuffers(): number {
  return dedicatedSockets;
}

/** Number of recycled buffers in the free list. */
export function freeBuffers(): number {
  return freeList.length;
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Emits 'data'. A throwing listener must not stop Node from requesting the next buffer: it would overwrite the emitted bytes. */
function emit(socket: Socket, bytes: Buffer): void {
  try {
    socket.emit('data', bytes);
  } catch (error) {
    reportUnhandled(error);
  }
}
