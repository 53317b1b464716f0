import type { SchedulerLike, Subscription } from 'rxjs';
import { IOStreamError } from '../../errors.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';
import { Fifo } from '../../util/fifo.ts';
import { OPEN, type WebSocketLike } from './web-socket-like.ts';
import { wholeCharacters } from './whole-characters.ts';

/** Maximum bytes of one frame: servers limit them, and a slow transfer shows progress. */
const MAX_FRAME = 64 * 1024;

/** Milliseconds between two looks at `bufferedAmount`, which has no event: from the first on, doubled while nothing is sent. */
const FIRST_LOOK = 1;
const LAST_LOOK = 16;

/** What a {@link WebSocketWriter} needs of its connection. */
export interface WriterTarget {
  readonly sendAs: 'binary' | 'text';
  readonly highWaterMark: number;
  readonly scheduler: SchedulerLike;
  onSent(bytes: number): void;
  /** Called once after `end`, when all bytes were passed to the socket. */
  onFlushed(): void;
  /** Called when the bytes cannot be sent. */
  onError(error: unknown): void;
}

/** Sends bytes in frames while `bufferedAmount` is below the mark, and reports those that were sent. Queues the others. */
export class WebSocketWriter {
  readonly #socket: WebSocketLike;
  readonly #target: WriterTarget;
  readonly #queue = new Fifo<Uint8Array>();
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** The first bytes of a character that is not complete. */
  #tail: Uint8Array = EMPTY_BYTES;
  /** Bytes passed to the socket, and how many of them were reported as sent. */
  #written = 0;
  #reported = 0;
  #isEnding = false;
  #isStopped = false;
  #look: Subscription | undefined;
  #delay = FIRST_LOOK;

  constructor(socket: WebSocketLike, target: WriterTarget) {
    this.#socket = socket;
    this.#target = target;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MAX_FRAME) this.#queue.push(bytes.subarray(at, at + MAX_FRAME));
    this.update();
  }

  /** Calls `onFlushed` when the queue is empty. */
  end(): void {
    this.#isEnding = true;
    this.update();
  }

  /** Sends an empty message. */
  sendEmpty(): void {
    this.#socket.send((this.#target.sendAs === 'text' ? '' : EMPTY_BYTES) as never);
  }

  /** Sends what the socket takes, and reports what it has sent. Called by a timer while there is something to do, and at any time. */
  update(): void {
    try {
      this.#feed();
      this.#report();
      this.#finish();
    } catch (error) {
      this.#target.onError(error);
    }
  }

  stop(): void {
    this.#look?.unsubscribe();
    this.#queue.clear();
    this.#isEnding = false;
    this.#isStopped = true;
  }

  #feed(): void {
    while (this.#queue.length > 0 && this.#socket.readyState === OPEN && this.#socket.bufferedAmount < this.#target.highWaterMark) {
      const piece = this.#queue.shift();
      if (piece) this.#send(piece);
    }
  }

  #report(): void {
    // If the socket counts its frame headers, too, less is reported than was sent, until all is.
    const sent = this.#written - this.#socket.bufferedAmount;
    if (sent > this.#reported) {
      const bytes = sent - this.#reported;
      this.#reported = sent;
      this.#delay = FIRST_LOOK;
      this.#target.onSent(bytes);
    }
    if (this.#queue.length > 0 || this.#reported < this.#written) this.#lookLater();
  }

  #finish(): void {
    if (!this.#isEnding || this.#queue.length > 0) return;
    this.#isEnding = false;
    if (this.#tail.length > 0) throw notUtf8();
    this.#target.onFlushed();
  }

  #send(piece: Uint8Array): void {
    if (this.#target.sendAs === 'binary') {
      this.#written += piece.length;
      this.#socket.send(piece as never);
      return;
    }
    const bytes = this.#tail.length === 0 ? piece : concatBytes([this.#tail, piece]);
    const whole = wholeCharacters(bytes);
    this.#tail = bytes.slice(whole);
    if (whole === 0) return;
    const text = this.#decode(bytes.subarray(0, whole));
    this.#written += whole;
    this.#socket.send(text as never);
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes);
    } catch (error) {
      throw notUtf8(error);
    }
  }

  #lookLater(): void {
    if (this.#look || this.#isStopped) return;
    this.#look = this.#target.scheduler.schedule(() => {
      this.#look = undefined;
      this.#delay = Math.min(this.#delay * 2, LAST_LOOK);
      this.update();
    }, this.#delay);
  }
}

function notUtf8(cause?: unknown): IOStreamError {
  const message = "the bytes are not UTF-8, which text frames need; use sendAs: 'binary'";
  return new IOStreamError('EILSEQ', { phase: 'write', errno: -84, message, cause });
}
