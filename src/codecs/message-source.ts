import { Subject, type Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { coreOf, type IOStream } from '../stream/io-stream.ts';
import { registerReadAhead } from '../stream/read-ahead.ts';
import type { Puller, ReadEnd } from '../stream/read-side.ts';
import type { Codec } from './codec.ts';

/** Who takes the messages of a {@link MessageSource}. */
export interface MessageTaker<T> {
  /** True while it takes messages and feeds the source: it finds by itself what comes meanwhile. */
  readonly isPumping: boolean;
  /** Takes a message at once, if a reader is ready for it. */
  offer(message: T): boolean;
  /** There are messages, bytes, or the end. */
  pump(): void;
  /** The owner of the stream has unsubscribed: a message in progress is given up, too. */
  leave(end: ReadEnd): void;
  /** Whether a reader would get an error. */
  isHeard(): boolean;
}

/** Reads and decodes the bytes of one stream, a chunk at a time and only on demand. Holds the messages that no reader has taken. */
export class MessageSource<T> implements Puller {
  readonly io: IOStream;
  readonly #codec: Codec<T, never>;
  readonly #taker: MessageTaker<T>;
  /** Feeds the decoder; and frees it. */
  #bytes: Subject<Uint8Array> | undefined;
  #decoding: Subscription | undefined;
  /** Decoded and not taken, from `#taken` on; `shift` on a long array copies all of it. */
  #queue: T[] = [];
  #taken = 0;
  /** How the messages end, once the queue is empty; and whether the bytes have. */
  #end: ReadEnd | undefined;
  #isFed = false;
  /** How the stream has closed, once there is a decoder to free. */
  #closed: ReadEnd | undefined;
  /** The error of the codec, until it is reported to the stream. */
  #error: IOStreamError | undefined;
  #detach: (() => void) | undefined;

  constructor(io: IOStream, codec: Codec<T, never>, taker: MessageTaker<T>) {
    this.io = io;
    this.#codec = codec;
    this.#taker = taker;
  }

  /** Takes the bytes of the stream from now on; false if another reader does. */
  attach(): boolean {
    this.#detach ??= coreOf(this.io).reads.attach(this);
    return this.#detach !== undefined;
  }

  detach(): void {
    this.#detach?.();
    this.#detach = undefined;
  }

  /** There are bytes, or the end. */
  ready(): void {
    // Nothing more is emitted after our own close, also from inside `next`; and what that cut off is no error.
    const { end } = coreOf(this.io).reads;
    if (this.io.state === 'closing' && end && !('error' in end)) this.#abandon(end);
    if (end?.left) this.#taker.leave(end);
    this.#taker.pump();
  }

  isHeard(): boolean {
    return this.#taker.isHeard();
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

  /** How the messages ended, once all of them have been taken. */
  get end(): ReadEnd | undefined {
    return this.hasMessage ? undefined : this.#end;
  }

  /** Whether a later reader would find nothing here, and the stream is over. */
  get isSpent(): boolean {
    if (this.hasMessage) return false;
    return this.#end !== undefined || (!this.#bytes && this.io.inBuf.length === 0);
  }

  /** Feeds the decoder with the next chunk, or the end. Returns whether there was one. */
  feed(): boolean {
    if (this.#end || this.#isFed) return false;
    const { reads } = coreOf(this.io);
    const chunk = reads.pull();
    const { end } = chunk ? {} : reads;
    const decoder = (this.#bytes ??= this.#begin());
    if (chunk) decoder.next(chunk);
    else if (end) this.#finish(end);
    return chunk !== undefined || end !== undefined;
  }

  /** The end is to be emitted: frees the decoder, and reports its error to the stream, which learns that a reader gets it. */
  conclude(): void {
    this.#decoding?.unsubscribe();
    const core = coreOf(this.io);
    const error = this.#error;
    this.#error = undefined;
    if (error) core.raise(error);
    if (this.#end && 'error' in this.#end && this.#taker.isHeard()) core.errorHandled();
  }

  /** Frees the decoder when the stream has closed, whether there are readers or not, unless bytes remain for a later one. */
  sweep(): void {
    if (this.#closed && !this.#end && !this.#isFed && !this.#taker.isPumping && this.io.inBuf.length === 0)
      this.#finish(coreOf(this.io).reads.end ?? this.#closed);
    if (this.#end) this.#decoding?.unsubscribe();
  }

  /** The bytes have ended. */
  #finish(end: ReadEnd): void {
    this.#isFed = true;
    if (this.io.isEof && !('error' in end)) this.#bytes?.complete();
    else this.#end ??= end;
  }

  /** Ends the messages where they are, and describes those that were not taken. */
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
    const { closing$, isOpen } = coreOf(this.io);
    if (isOpen) closing$.subscribe((end) => this.#close(end));
    registerReadAhead(this.io, () => this.#endInput());
    this.#decoding = begun.pipe(this.#codec.decode()).subscribe({
      next: (message) => {
        if (this.#end) return;
        // Straight on where nothing is before it: the queue would take a fifth of the time.
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
