import { Subject } from 'rxjs';
import { ECLOSED, IOStreamError } from '../../errors.ts';
import { concat, toBytes, type Bytes } from '../../stream/bytes.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import type { Codec } from '../codec.ts';
import type { MessageOutput, WriteOutcome } from './message-output.ts';
import { captureOutcome, takeCapture } from './write-outcome.ts';

/** Encodes messages, and queues the bytes of each as one write, so that no message is written in part. */
export class MessageWriter<W> {
  readonly #output: MessageOutput;
  readonly #codec: Codec<unknown, W>;
  /** The input of the encoder. */
  #messages: Subject<W> | undefined;
  /** Whether the encoder is running, the bytes that it has emitted, and its error. */
  #isEncoding = false;
  #first: Bytes | undefined;
  #more: Bytes[] | undefined;
  #error: IOStreamError | undefined;

  constructor(output: MessageOutput, codec: Codec<unknown, W>) {
    this.#output = output;
    this.#codec = codec;
  }

  /**
   * @returns false if the caller should wait, or if the message was not accepted.
   * @throws IOStreamError if the message cannot be encoded.
   */
  write(message: W): boolean {
    const isCaptured = takeCapture();
    const bytes = this.#output.isOpen ? this.#encode(message) : undefined;
    const outcome = this.#queue(bytes);
    captureOutcome(outcome);
    const isRejected = outcome instanceof IOStreamError;
    if (isRejected && !isCaptured) this.#output.report(outcome, bytes);
    return !isRejected && !this.#output.isBlocked;
  }

  #encode(message: W): Bytes | undefined {
    this.#isEncoding = true;
    try {
      (this.#messages ??= this.#startEncoder()).next(message);
    } finally {
      this.#isEncoding = false;
    }
    const first = this.#first;
    const more = this.#more;
    const error = this.#error;
    this.#first = this.#more = this.#error = undefined;
    if (!error) return first && more ? concat([first, ...more]) : first;
    this.#messages = undefined; // The next message gets a new encoder.
    throw error;
  }

  #startEncoder(): Subject<W> {
    const messages = new Subject<W>();
    const bytes$ = guardedSubscriber<Uint8Array>({
      next: (bytes) => this.#onBytes(toBytes(bytes, 'what encode() emits')),
      error: (error: unknown) => this.#onError(error),
      complete: () => this.#onError(new TypeError('encode() of the codec completed before its messages did')),
    });
    const stop = (): void => {
      bytes$.unsubscribe();
      if (this.#messages === messages) this.#messages = undefined;
    };
    bytes$.add(this.#output.disconnected$.subscribe(stop));
    messages.pipe(this.#codec.encode()).subscribe(bytes$);
    return messages;
  }

  #onBytes(bytes: Bytes): void {
    if (!this.#isEncoding) this.#writeLate(bytes);
    else if (!this.#first) this.#first = bytes;
    else (this.#more ??= []).push(bytes);
  }

  /** Writes bytes that were not emitted from inside `next`. They cannot be attributed to a call of `write`. */
  #writeLate(bytes: Bytes): void {
    const outcome = this.#queue(bytes);
    if (outcome instanceof IOStreamError) this.#output.report(outcome, bytes);
  }

  #queue(bytes: Bytes | undefined): WriteOutcome {
    if (!this.#output.isOpen) return closed();
    return bytes && this.#output.queue(bytes);
  }

  #onError(thrown: unknown): void {
    // An error outside of `write` is fatal: it reaches no caller, and a message that was accepted is lost.
    const error = IOStreamError.from(thrown, { phase: 'write', fatal: !this.#isEncoding });
    if (this.#isEncoding) {
      this.#error = error;
      return;
    }
    this.#messages = undefined;
    this.#output.report(error);
  }
}

function closed(): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'write', message: 'cannot write the message: the stream is closed' });
}
