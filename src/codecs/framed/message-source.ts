import { Subject, type Subscription } from 'rxjs';
import type { Codec } from '../codec.ts';
import { IOStreamError } from '../../errors.ts';
import type { IOStream } from '../../stream/io-stream.ts';
import type { PullReader } from '../../stream/pull-reader.ts';
import { registerReadAhead, type ReadAhead } from '../../stream/read-ahead.ts';
import type { ReadEnd } from '../../stream/read-end.ts';
import { internalsOf } from '../../stream/stream-fields.ts';
import { MessageQueue } from './message-queue.ts';
import type { MessageReceiver } from './message-receiver.ts';

/** Reads and decodes the bytes of one stream, chunk by chunk and only on demand. Buffers the unread messages. */
export class MessageSource<T> implements PullReader, ReadAhead {
  readonly io: IOStream;
  readonly number: number;
  readonly #codec: Codec<T, never>;
  readonly #receiver: MessageReceiver<T>;
  /** The input of the decoder, and the subscription that frees it. */
  #bytes: Subject<Uint8Array> | undefined;
  #decoding: Subscription | undefined;
  /** Observes the close of the stream, to free the decoder. Set with the first decoder. */
  #closing: Subscription | undefined;
  readonly #queue = new MessageQueue<T>();
  /** The end of the messages, behind those in the queue. */
  #end: ReadEnd | undefined;
  /** Whether the input of the decoder has ended. */
  #hasInputEnded = false;
  /** Whether the decoder has emitted something after the end. */
  #hasRest = false;
  /** The end of the closed stream. Set only if a decoder must be freed. */
  #closed: ReadEnd | undefined;
  /** The error of the codec, until it is reported to the stream. */
  #error: IOStreamError | undefined;
  #detach: (() => void) | undefined;

  constructor(io: IOStream, codec: Codec<T, never>, number: number, receiver: MessageReceiver<T>) {
    this.io = io;
    this.#codec = codec;
    this.number = number;
    this.#receiver = receiver;
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
    if (end?.unsubscribed) this.#receiver.ownerUnsubscribed(end);
    this.#receiver.pump();
  }

  isErrorHandled(): boolean {
    return this.#receiver.isErrorHandled();
  }

  get hasMessage(): boolean {
    return this.#queue.length > 0;
  }

  /** Removes and returns the next message. */
  take(): T {
    return this.#queue.take();
  }

  /** The end of the messages. Undefined until all of them have been read. */
  get end(): ReadEnd | undefined {
    return this.hasMessage ? undefined : this.#end;
  }

  /** Whether nothing remains for a later reader of the closed stream. */
  get isDrained(): boolean {
    if (this.hasMessage) return false;
    return this.#end !== undefined || (!this.#bytes && this.io.inBuf.length === 0);
  }

  /** Passes the next chunk, or the end, to the decoder. Returns whether there was one. */
  decodeNext(): boolean {
    if (this.#end || this.#hasInputEnded) return false;
    const { reads } = internalsOf(this.io);
    const chunk = reads.pull();
    const { end } = chunk ? {} : reads;
    const decoder = (this.#bytes ??= this.#startDecoder());
    if (chunk) decoder.next(chunk);
    else if (end) this.#endAs(end);
    return chunk !== undefined || end !== undefined;
  }

  /** Called before the end is emitted. Frees the decoder, reports its error to the stream, and marks the error as handled. */
  reportEnd(): void {
    this.#decoding?.unsubscribe();
    const core = internalsOf(this.io);
    const error = this.#error;
    this.#error = undefined;
    if (error) core.errors.report(error);
    if (this.#end && 'error' in this.#end && this.#receiver.isErrorHandled()) core.errors.markHandled();
  }

  /** Frees the decoder if the stream has closed, with or without readers. Keeps it if bytes remain for a later reader. */
  freeIfClosed(): void {
    if (this.#closed && !this.#end && !this.#hasInputEnded && !this.#receiver.isPumping && this.io.inBuf.length === 0)
      this.#endAs(internalsOf(this.io).reads.end ?? this.#closed);
    if (this.#end) this.#decoding?.unsubscribe();
  }

  /** Ends the input of the decoder as the stream ended. */
  #endAs(end: ReadEnd): void {
    this.#hasInputEnded = true;
    if (this.io.isEof && !('error' in end)) this.#bytes?.complete();
    else this.#end ??= end;
  }

  /**
   * Whether messages, or a part of one, are unread. A codec reports a part of a message only at the end of its input. So the decoder
   * ends, and the next bytes get another one.
   */
  hasUnread(): boolean {
    if (this.#end || this.hasMessage) return true;
    this.#end = {}; // The readers of the messages get nothing of this end.
    this.#bytes?.complete();
    this.#bytes = undefined;
    this.#end = undefined;
    return this.#hasRest || this.#decoding?.closed === false;
  }

  /** Ends the messages here, because another protocol follows. Returns a description of the unread ones. */
  endInput(): string | undefined {
    this.#closing?.unsubscribe();
    if (!this.#end) {
      this.#hasInputEnded = true;
      if (this.#bytes) this.#bytes.complete();
      else this.#complete(); // `hasUnread` has ended the decoder.
    }
    const count = this.#queue.length;
    if (count > 0) return `${count} unread message${count === 1 ? '' : 's'}`;
    return this.#error && 'an unread part of a message';
  }

  #onClosing(end: ReadEnd): void {
    this.#closed = end;
    if (this.io.state === 'closing' && !('error' in end)) this.#abandon(end);
    this.freeIfClosed();
  }

  #abandon(end: ReadEnd): void {
    this.#queue.clear();
    this.#end ??= end;
  }

  #startDecoder(): Subject<Uint8Array> {
    const bytes = new Subject<Uint8Array>();
    const { closing$, isOpen } = internalsOf(this.io).lifetime;
    if (isOpen && !this.#closing) {
      this.#closing = closing$.subscribe((end) => this.#onClosing(end));
      registerReadAhead(this.io, this);
    }
    this.#decoding = bytes.pipe(this.#codec.decode()).subscribe({
      next: (message) => {
        if (this.#end) this.#hasRest = true;
        // Fast path without the queue, which would take a fifth of the time.
        else if (this.hasMessage || !this.#receiver.tryEmit(message)) {
          this.#queue.push(message);
          this.#receiver.pump();
        }
      },
      error: (error: unknown) => {
        if (this.#end) this.#hasRest = true;
        else {
          this.#error = IOStreamError.from(error, { phase: 'read' });
          this.#end = { error: this.#error };
          this.#receiver.pump();
        }
      },
      complete: () => this.#complete(),
    });
    return bytes;
  }

  #complete(): void {
    if (this.#end) return;
    this.#end = {};
    this.#receiver.pump();
  }
}
