import type { Readable, Writable } from 'node:stream';

/** Receives the events of a Node stream. */
export interface StreamEventTarget {
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  onDrain(): void;
  onFinish(): void;
  onError(error: Error): void;
  onClose(): void;
}

/** Key of the target on its stream. Thus all connections share one set of listeners, which need no closures. */
const TARGET: unique symbol = Symbol('rxjs-io-stream connection');
type Connected<S> = S & { [TARGET]?: StreamEventTarget | undefined };

/** Returns the target of a stream. */
export function eventTarget(stream: Connected<Readable | Writable>): StreamEventTarget | undefined {
  return stream[TARGET];
}

/** Calls `target` for `'error'` and `'close'` of a stream. */
export function addStreamEvents(stream: Connected<Readable | Writable>, target: StreamEventTarget): void {
  stream[TARGET] = target;
  stream.on('error', onError).on('close', onClose);
}

/** Also calls the target of the stream for `'drain'` and `'finish'`. */
export function addWriteEvents(writable: Writable): void {
  writable.on('drain', onDrain).on('finish', onFinish);
}

/** Also calls the target of the stream for `'end'`. The connection itself listens to `'data'`. */
export function addReadEvents(readable: Readable): void {
  readable.on('end', onEnd);
}

/** Calls the target of the stream no longer. */
export function removeStreamEvents(stream: Connected<Readable | Writable>): void {
  stream[TARGET] = undefined;
  stream.off('end', onEnd).off('drain', onDrain).off('finish', onFinish);
  stream.off('close', onClose).off('error', onError);
}

function onEnd(this: Connected<Readable>): void {
  this[TARGET]?.onEnd();
}
function onDrain(this: Connected<Writable>): void {
  this[TARGET]?.onDrain();
}
function onFinish(this: Connected<Writable>): void {
  this[TARGET]?.onFinish();
}
function onError(this: Connected<Readable | Writable>, error: Error): void {
  this[TARGET]?.onError(error);
}
function onClose(this: Connected<Readable | Writable>): void {
  this.off('close', onClose); // process.stdout emits 'close' twice.
  this[TARGET]?.onClose();
}
