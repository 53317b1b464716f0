import { Subject, type Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { internalsOf, type IOStream } from '../stream/io-stream.ts';
import { registerReadAhead } from '../stream/read-ahead.ts';
import type { PullReader, ReadEnd } from '../stream/read-side.ts';
import type { Codec } from './codec.ts';

/** Receiver of the messages of a {@link MessageSource}. */
export interface MessageTaker<T> {
  /** True while the receiver runs its loop. The loop then processes new messages, and needs no further call. */
  readonly isPumping: boolean;
  /** Emits a message at once if a reader is ready for it. Returns whether it did. */
  offer(message: T): boolean;
  /** Called when there are messages, bytes, or the end. */
  pump(): void;
  /** Called when the owner of the stream has unsubscribed. Also stops a message that is being handled. */
  leave(end: ReadEnd): void;
  /** Whether a reader would get an error. */
  isErrorHandled(): boolean;
}

/** Reads and decodes the bytes of one stream, chunk by chunk and only on demand. Buffers the unread messages. */
export class MessageSource<T> implements PullReader {
  readonly io: IOStream;
  readonly #codec: Codec<T, never>;
  readonly #taker: MessageTaker<T>;
  /** The input of the decoder, and the subscription that frees it. */
  #bytes: Subject<Uint8Array> | undefined;
  #decoding: Subscription | undefined;
  /** Decoded messages. Those from index `#taken` on are unread. `shift` would copy a long array. */
  #queue: T[] = [];
  #taken = 0;
  /** The end of the messages, behind those in the queue, and whether the input of the decoder has ended. */
  #end: ReadEnd | undefined;
  #isFed = false;
  /** The end of the closed stream. Set only if a decoder must be freed. */
  #closed: ReadEnd | undefined;
  /** The error of the codec, until it is reported to the stream. */
  #error: IOStreamError | undefined;
  #detach: (() => void) | undefined;

  constructor(io: IOStream, codec: Codec<T, never>, taker: MessageTaker<T>) {
    this.io = io;
    this.#codec = codec;
    this.#taker = taker;
  }

  /** Starts to read the bytes of the stream. Returns false if it has another reader. */
  attach(): boolean {
    this.#detach ??= internalsOf(this.io).reads.attach(this);
    return this.#detach !== undefined;
  }

  detach(): void {
    this.#detach?.();
    this.#detach = undefined;
  }

  /** Called when there are bytes, or the end. */
  ready(): void {
    // After our own close nothing more is emitted, even from inside `next`. A message truncated by it is no error.
    const { end } = internalsOf(this.io).reads;
    if (this.io.state === 'closing' && end && !('error' in end)) this.#abandon(end);
    if (end?.unsubscribed) this.#taker.leave(end);
    this.#taker.pump();
  }

  isErrorHandled(): boolean {
    return this.#taker.isErrorHandled();
  }

  get hasMessage(): boolean {
    return this.#taken < this.#queue.length;
  }

  take(): T {
    const message = this.#queue[this.#taken]!;
    this.#taken += 1;
    if (!this.hasMessage) {
      this.#queue = [];
      this.#taken = 0;
    }
    return message;
  }

  /** The end of the messages. Undefined until all of them have been read. */
  get end(): ReadEnd | undefined {
    return this.hasMessage ? undefined : this.#end;
  }

  /** Whether nothing remains for a later reader of the closed stream. */
  get isSpent(): boolean {
    if (this.hasMessage) return false;
    return this.#end !== undefined || (!this.#bytes && this.io.inBuf.length === 0);
  }

  /** Passes the next chunk, or the end, to the decoder. Returns whether there was one. */
  feed(): boolean {
    if (this.#end || this.#isFed) return false;
    const { reads } = internalsOf(this.io);
    const chunk = reads.pull();
    const { end } = chunk ? {} : reads;
    const decoder = (this.#bytes ??= this.#begin());
    if (chunk) decoder.next(chunk);
    else if (end) this.#finish(end);
    return chunk !== undefined || end !== undefined;
  }

  /** Called before the end is emitted. Frees the decoder, reports its error to the stream, and marks the error as handled. */
  conclude(): void {
    this.#decoding?.unsubscribe();
    const core = internalsOf(this.io);
    const error = this.#error;
    this.#error = undefined;
    if (error) core.report(error);
    if (this.#end && 'error' in this.#end && this.#taker.isErrorHandled()) core.errorHandled();
  }

  /** Frees the decoder if the stream has closed, with or without readers. Keeps it if bytes remain for a later reader. */
  sweep(): void {
    if (this.#closed && !this.#end && !this.#isFed && !this.#taker.isPumping && this.io.inBuf.length === 0)
      this.#finish(internalsOf(this.io).reads.end ?? this.#closed);
    if (this.#end) this.#decoding?.unsubscribe();
  }

  /** Ends the input of the decoder. */
  #finish(end: ReadEnd): void {
    this.#isFed = true;
    if (this.io.isEof && !('error' in end)) this.#bytes?.complete();
    else this.#end ??= end;
  }

  /** Ends the messages here. Returns a description of the unread ones. */
  #endInput(): string | undefined {
    if (!this.#end) {
      this.#isFed = true;
      this.#bytes?.complete();
    }
    const count = this.#queue.length - this.#taken;
    if (count > 0) return `${count} unread message${count === 1 ? '' : 's'}`;
    return this.#error && 'an unread part of a message';
  }

  #close(end: ReadEnd): void {
    this.#closed = end;
    if (this.io.state === 'closing' && !('error' in end)) this.#abandon(end);
    this.sweep();
  }

  #abandon(end: ReadEnd): void {
    this.#queue = [];
    this.#taken = 0;
    this.#end ??= end;
  }

  #begin(): Subject<Uint8Array> {
    const begun = new Subject<Uint8Array>();
    const { closing$, isOpen } = internalsOf(this.io);
    if (isOpen) closing$.subscribe((end) => this.#close(end));
    registerReadAhead(this.io, () => this.#endInput());
    this.#decoding = begun.pipe(this.#codec.decode()).subscribe({
      next: (message) => {
        if (this.#end) return;
        // Fast path without the queue, which would take a fifth of the time.
        if (!this.hasMessage && this.#taker.offer(message)) return;
        this.#queue.push(message);
        this.#taker.pump();
      },
      error: (error: unknown) => {
        if (this.#end) return;
        this.#error = IOStreamError.from(error, { phase: 'read' });
        this.#end = { error: this.#error };
        this.#taker.pump();
      },
      complete: () => {
        this.#end ??= {};
        this.#taker.pump();
      },
    });
    return begun;
  }
}
