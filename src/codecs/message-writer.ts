import { Subject } from 'rxjs';
import { ECLOSED, EPROTOCOL, IOStreamError } from '../errors.ts';
import { toBytes } from '../stream/bytes.ts';
import type { Core } from '../stream/core.ts';
import { inlet } from '../wire/operate.ts';
import type { Codec } from './codec.ts';

/** Why the message that was written last, on any stream, was refused. */
let refusal: IOStreamError | undefined;

/**
 * Writes a message, and says why nothing of it was taken; undefined if it was. The boolean of `write` does not tell a refusal
 * from a full stream.
 *
 * @param framed has the `write` of a `framed`, or one that calls it.
 */
export function refusalOf<W>(framed: { write(message: W): boolean }, message: W): IOStreamError | undefined {
  refusal = undefined;
  framed.write(message);
  return refusal;
}

/** Encodes the messages of one stream, and queues the bytes of each as one: nobody gets half a frame. */
export class MessageWriter<W> {
  readonly #core: Core;
  readonly #codec: Codec<unknown, W>;
  /** Feeds the encoder. */
  #messages: Subject<W> | undefined;
  /** Inside of the encoder; the bytes it gave meanwhile, and why it can go no further. */
  #encoding = false;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #wrong: IOStreamError | undefined;

  constructor(core: Core, codec: Codec<unknown, W>) {
    this.#core = core;
    this.#codec = codec;
  }

  /** False when the caller should wait, or when nothing was taken. */
  write(message: W): boolean {
    const core = this.#core;
    refusal = undefined;
    if (!core.tells) {
      refusal = closed();
      return false;
    }
    this.#encoding = true;
    try {
      (this.#messages ??= this.#begin()).next(message);
    } finally {
      this.#encoding = false;
    }
    const first = this.#first;
    const more = this.#more;
    const wrong = this.#wrong;
    this.#first = this.#more = this.#wrong = undefined;
    // The next message begins with an encoder of its own.
    if (wrong) this.#messages = undefined;
    refusal = wrong ?? this.#put(first && more ? Buffer.concat([first, ...more]) : first);
    if (refusal) core.refuse(refusal);
    return !refusal && !core.writes.blocked;
  }

  #begin(): Subject<W> {
    const begun = new Subject<W>();
    const bytes$ = inlet<Uint8Array>({
      next: (bytes) => this.#take(toBytes(bytes, 'what encode() gives')),
      error: (error: unknown) => this.#fail(error),
      complete: () =>
        this.#fail(
          new IOStreamError(EPROTOCOL, { phase: 'write', message: 'expected encode() to go on while messages come, it completed' }),
        ),
    });
    // It has nobody to encode for when the stream has closed; and when it has failed there is nothing to free.
    bytes$.add(this.#core.closing$.subscribe({ complete: () => bytes$.unsubscribe() }));
    begun.pipe(this.#codec.encode()).subscribe(bytes$);
    return begun;
  }

  #take(bytes: Buffer): void {
    if (!this.#encoding) this.#late(bytes);
    else if (!this.#first) this.#first = bytes;
    else (this.#more ??= []).push(bytes);
  }

  /** Not from inside `next`: whose bytes they are is not known. */
  #late(bytes: Buffer): void {
    const error = this.#put(bytes);
    if (error) this.#core.refuse(error);
  }

  #put(bytes: Buffer | undefined): IOStreamError | undefined {
    const { tells, writes } = this.#core;
    if (!tells) return closed();
    return bytes && writes.accept(bytes);
  }

  #fail(error: unknown): void {
    const wrong = IOStreamError.from(error, { phase: 'write' });
    if (this.#encoding) {
      this.#wrong = wrong;
      return;
    }
    this.#messages = undefined;
    this.#core.refuse(wrong);
  }
}

function closed(): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'write', message: 'expected an open stream to write the message to, it is closed' });
}
