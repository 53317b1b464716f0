import { isObservable, type InteropObservable, type Observable } from 'rxjs';
import { isObject } from '../util/value-tests.ts';
import type { Writable } from './bytes.ts';
import { SYMBOL_OBSERVABLE } from './symbol-observable.ts';

/** The part of a Web stream, of any runtime or library, that `send` uses. */
export interface ReadableWebStream {
  /** Locks the stream and returns a reader. It is pulled one chunk at a time, and cancelled if the sending ends early. */
  getReader(): { read(): Promise<{ done: boolean; value?: Writable | undefined }>; cancel(reason?: unknown): Promise<unknown> };
}

/** The sources that `IOStream.send` accepts: pulled one chunk at a time, except for an Observable, which pushes. */
export type SendSource =
  Iterable<Writable> | AsyncIterable<Writable> | Observable<Writable> | InteropObservable<Writable> | ReadableWebStream;

/** A source that emits when it wants. */
export type Pushed = Observable<Writable> | InteropObservable<Writable>;

/** A source that is asked for each chunk. */
export type Pulled = Iterable<Writable> | AsyncIterable<Writable> | ReadableWebStream;

/** Whether a source is an Observable of any library that cannot be pulled. */
export function isPushed(source: SendSource): source is Pushed {
  if (isObservable(source)) return true;
  return SYMBOL_OBSERVABLE in source && !(Symbol.asyncIterator in source || Symbol.iterator in source);
}

/** Whether a value can be sent. */
export function isSource(source: unknown): boolean {
  // Excludes strings and views of bytes: they are iterable, but not by chunks.
  return (
    isObject(source) &&
    !ArrayBuffer.isView(source) &&
    (isObservable(source) || [SYMBOL_OBSERVABLE, Symbol.asyncIterator, Symbol.iterator, 'getReader'].some((way) => way in source))
  );
}
