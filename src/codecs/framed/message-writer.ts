import { Subject, type Observable } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { toBytes } from '../stream/bytes.ts';
import type { Connection } from '../stream/connection.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import type { Codec } from './codec.ts';

/** A queued message of a persistent stream. */
export interface QueuedWrite {
  /** Number of the attempt whose connection wrote it, or in which it was dropped. Infinity while it is queued. */
  readonly attempt: number;
}

/** Result of writing a message: the error of a rejected one, the entry of one queued across connections, or undefined: accepted. */
export type WriteOutcome = IOStreamError | QueuedWrite | undefined;

/** Output for the bytes of messages: a stream, or a persistent one. */
export interface MessageOutput {
  /** Whether bytes are accepted. */
  readonly isOpen: boolean;
  /** Whether the caller should wait before the next write. */
  readonly isBlocked: boolean;
  /** Emits when a connection has ended. The state of its encoder is then freed. */
  readonly disconnected$: Observable<unknown>;
  put(bytes: Buffer): WriteOutcome;
  /** Reports the error of a write, and the rejected bytes. */
  report(error: IOStreamError, rejected?: Buffer): void;
}

/** Writes messages to a stream. */
export class StreamOutput implements MessageOutput {
  readonly #core: Connection;

  constructor(core: Connection) {
    this.#core = core;
  }

  get isOpen(): boolean {
    return this.#core.isActive;
  }

  get isBlocked(): boolean {
    return this.#core.writes.blocked;
  }

  get disconnected$(): Observable<unknown> {
    return this.#core.closing$;
  }

  put(bytes: Buffer): IOStreamError | undefined {
    return this.#core.writes.accept(bytes);
  }

  report(error: IOStreamError): void {
    this.#core.reportLater(error);
  }
}

/** Whether {@link outcomeOf} is calling `write`, and the result of the last write. */
let isAsked = false;
let outcome: WriteOutcome;

/**
 * Writes a message and returns the result. The boolean of `write` cannot distinguish a rejection from a full stream. A rejection is
 * only returned to this caller, and not reported by the stream.
 *
 * @param framed has the `write` of a `framed`, or one that calls it.
 * @throws IOStreamError if the message cannot be encoded.
 */
export function outcomeOf<W>(framed: { readonly write: (message: W) => boolean }, message: W): WriteOutcome {
  isAsked = true;
  outcome = undefined;
  try {
    framed.write(message);
  } finally {
    isAsked = false;
  }
  return outcome;
}

/** Encodes messages, and queues the bytes of each as one write, so that no message is written in part. */
export class MessageWriter<W> {
  readonly #output: MessageOutput;
  readonly #codec: Codec<unknown, W>;
  /** The input of the encoder. */
  #messages: Subject<W> | undefined;
  /** Whether the encoder is running, the bytes that it has emitted, and its error. */
  #isEncoding = false;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
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
    const isForCaller = isAsked;
    isAsked = false; // A write from inside the encoder has another caller.
    const bytes = this.#output.isOpen ? this.#encode(message) : undefined;
    const result = this.#put(bytes);
    outcome = result;
    const isRefused = result instanceof IOStreamError;
    if (isRefused && !isForCaller) this.#output.report(result, bytes);
    return !isRefused && !this.#output.isBlocked;
  }

  #encode(message: W): Buffer | undefined {
    this.#isEncoding = true;
    try {
      (this.#messages ??= this.#begin()).next(message);
    } finally {
      this.#isEncoding = false;
    }
    const first = this.#first;
    const more = this.#more;
    const error = this.#error;
    this.#first = this.#more = this.#error = undefined;
    if (!error) return first && more ? Buffer.concat([first, ...more]) : first;
    this.#messages = undefined; // The next message gets a new encoder.
    throw error;
  }

  #begin(): Subject<W> {
    const begun = new Subject<W>();
    const bytes$ = guardedSubscriber<Uint8Array>({
      next: (bytes) => this.#take(toBytes(bytes, 'what encode() emits')),
      error: (error: unknown) => this.#fail(error),
      complete: () => this.#fail(new TypeError('expected encode() to go on while messages come, it completed')),
    });
    const stop = (): void => {
      bytes$.unsubscribe();
      if (this.#messages === begun) this.#messages = undefined;
    };
    bytes$.add(this.#output.disconnected$.subscribe(stop));
    begun.pipe(this.#codec.encode()).subscribe(bytes$);
    return begun;
  }

  #take(bytes: Buffer): void {
    if (!this.#isEncoding) this.#takeLate(bytes);
    else if (!this.#first) this.#first = bytes;
    else (this.#more ??= []).push(bytes);
  }

  /** Writes bytes that were not emitted from inside `next`. They cannot be attributed to a call of `write`. */
  #takeLate(bytes: Buffer): void {
    const result = this.#put(bytes);
    if (result instanceof IOStreamError) this.#output.report(result, bytes);
  }

  #put(bytes: Buffer | undefined): WriteOutcome {
    if (!this.#output.isOpen) return closed();
    return bytes && this.#output.put(bytes);
  }

  #fail(thrown: unknown): void {
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
  return new IOStreamError(ECLOSED, { phase: 'write', message: 'expected an open stream to write the message to, it is closed' });
}
