import { Subject, type Observable } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { toBytes } from '../stream/bytes.ts';
import type { Core } from '../stream/core.ts';
import { inlet } from '../wire/operate.ts';
import type { Codec } from './codec.ts';

/** A message in the queue of a persistent stream. */
export interface QueuedWrite {
  /** The attempt whose connection took it, or in which it was dropped; Infinity while it waits for a connection. */
  readonly attempt: number;
}

/** What became of a message: refused, queued across connections, or (undefined) taken. */
export type WriteOutcome = IOStreamError | QueuedWrite | undefined;

/** Takes the bytes of messages: a stream, or a persistent one. */
export interface MessageOutput {
  /** Whether it takes bytes. */
  readonly isOpen: boolean;
  /** Whether the caller should wait. */
  readonly isBlocked: boolean;
  /** Emits when a connection is over, and with it the state of its encoder. */
  readonly over$: Observable<unknown>;
  put(bytes: Buffer): WriteOutcome;
  /** Reports the error of a write, and the bytes that were refused. */
  report(error: IOStreamError, refused?: Buffer): void;
}

/** A stream as the output of messages. */
export class StreamOutput implements MessageOutput {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  get isOpen(): boolean {
    return this.#core.tells;
  }

  get isBlocked(): boolean {
    return this.#core.writes.blocked;
  }

  get over$(): Observable<unknown> {
    return this.#core.closing$;
  }

  put(bytes: Buffer): IOStreamError | undefined {
    return this.#core.writes.accept(bytes);
  }

  report(error: IOStreamError): void {
    this.#core.refuse(error);
  }
}

/** Set while {@link outcomeOf} calls `write`, and what the last write came to. */
let isAsked = false;
let outcome: WriteOutcome;

/**
 * Writes a message and returns what became of it. The boolean of `write` cannot tell a refusal from a full stream. A refusal is
 * then the error of this caller, and not reported by the stream.
 *
 * @param framed has the `write` of a `framed`, or one that calls it.
 * @throws what the message cannot be encoded for.
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

/** Encodes messages, and queues the bytes of each as one write: the peer never gets half a message. */
export class MessageWriter<W> {
  readonly #output: MessageOutput;
  readonly #codec: Codec<unknown, W>;
  /** Feeds the encoder. */
  #messages: Subject<W> | undefined;
  /** Inside of the encoder; the bytes it emitted meanwhile, and its error. */
  #isEncoding = false;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #error: IOStreamError | undefined;

  constructor(output: MessageOutput, codec: Codec<unknown, W>) {
    this.#output = output;
    this.#codec = codec;
  }

  /**
   * @returns false when the caller should wait, or when nothing was taken.
   * @throws IOStreamError when the message cannot be encoded.
   */
  write(message: W): boolean {
    const isForCaller = isAsked;
    isAsked = false; // not for a write from inside the encoder
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
    this.#messages = undefined; // The next message begins with a new encoder.
    throw error;
  }

  #begin(): Subject<W> {
    const begun = new Subject<W>();
    const bytes$ = inlet<Uint8Array>({
      next: (bytes) => this.#take(toBytes(bytes, 'what encode() emits')),
      error: (error: unknown) => this.#fail(error),
      complete: () => this.#fail(new TypeError('expected encode() to go on while messages come, it completed')),
    });
    const stop = (): void => {
      bytes$.unsubscribe();
      if (this.#messages === begun) this.#messages = undefined;
    };
    bytes$.add(this.#output.over$.subscribe(stop));
    begun.pipe(this.#codec.encode()).subscribe(bytes$);
    return begun;
  }

  #take(bytes: Buffer): void {
    if (!this.#isEncoding) this.#takeLate(bytes);
    else if (!this.#first) this.#first = bytes;
    else (this.#more ??= []).push(bytes);
  }

  /** Bytes that do not come from inside `next` belong to no known write. */
  #takeLate(bytes: Buffer): void {
    const result = this.#put(bytes);
    if (result instanceof IOStreamError) this.#output.report(result, bytes);
  }

  #put(bytes: Buffer | undefined): WriteOutcome {
    if (!this.#output.isOpen) return closed();
    return bytes && this.#output.put(bytes);
  }

  #fail(thrown: unknown): void {
    // Later there is no caller left: the message that is lost was taken.
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
